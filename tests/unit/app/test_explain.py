"""`imagekit explain`: the card of a run, and the runbook's page of whatever a report names (issue 16, item 4)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from imagekit.app.explain import explain
from imagekit.base.errors import ConfigError
from imagekit.cli import cli
from imagekit.report.result import write_result
from imagekit.report.stagepage import PAGES, SPOKEN_OF
from tests.unit.report.sample import good
from tests.unit.report.test_card import UNIT, failed

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("word", "page", "about"),
    [
        ("sssd", "sssd", ""),
        ("docs/runbook/ca-trust.md", "ca-trust", ""),
        ("power-cuts", "lifecycle", "scenario power-cuts: "),
        ("live:boot/test_boot.py::test_nothing", "", ""),
        ("kernel-panic", "boot", "console, kernel-panic (fatal): the kernel stopped."),
        ("[    2.1] Kernel panic - not syncing: Attempted to kill init!", "boot", "console, kernel-panic"),
    ],
)
def test_what_a_report_names_is_explained(word: str, page: str, about: str) -> None:
    if not page:
        with pytest.raises(ConfigError, match="nothing is known"):
            explain(ROOT, word)
        return
    found = explain(ROOT, word)
    assert found.page == f"docs/runbook/{page}.md"
    assert found.text == (ROOT / found.page).read_text()
    assert found.about.startswith(about)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with two check files and no configuration at all: at night it may be broken."""
    for name, body in {
        "base/test_boot.py": (
            "pytestmark = pytest.mark.runbook('boot')\n@pytest.mark.parametrize('x', [1])\n"
            "def test_units(x):\n    '''No unit failed.'''\n"
        ),
        "base/test_other.py": "@pytest.mark.runbook('network')\ndef test_units_of_net():\n    '''Net is up.'''\n",
        "base/test_broken.py": "def test_(:\n",
    }.items():
        path = tmp_path / "vm-harness/checks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    return tmp_path


@pytest.mark.parametrize(
    "word", ["base/test_boot.py::test_units", "installed:base/test_boot.py::test_units[1]", "No unit failed"]
)
def test_a_check_is_found_by_the_id_of_any_report(project: Path, word: str) -> None:
    found = explain(project, word)
    assert found.page == "docs/runbook/boot.md"
    assert "No unit failed (vm-harness/checks/base/test_boot.py:3)" in found.about


def test_a_word_of_several_pages_is_refused_with_their_names(project: Path) -> None:
    with pytest.raises(ConfigError, match="checks") as caught:
        explain(project, "test_units")
    assert "base/test_boot.py::test_units" in caught.value.hint
    assert "base/test_other.py::test_units_of_net" in caught.value.hint


@pytest.mark.parametrize("word", ["", "../../etc/passwd", "xyz-nothing", "a"])
def test_a_word_that_means_nothing_says_what_could_be_named(word: str) -> None:
    with pytest.raises(ConfigError, match="nothing is known") as caught:
        explain(ROOT, word)
    assert "build, ca-trust, certificates" in caught.value.hint


def run_cli(folder: Path, *words: str) -> Result:
    return CliRunner(env={"COLUMNS": ""}).invoke(
        cli, ["--project", str(folder), "explain", *words], catch_exceptions=False
    )


def test_the_card_of_a_run(tmp_path: Path) -> None:
    for result, name in ((failed(UNIT), "20260101-a"), (good(), "20260102-b")):
        write_result(replace(result, run_id=name), tmp_path / ".imagekit/runs" / name)
    assert "PASSED" in run_cli(tmp_path).stdout
    reported = run_cli(tmp_path, "20260101").stdout
    assert "because  expected nothing, found: sssd.service\n" in reported
    assert "again    imagekit shell debian-node -- systemctl status sssd.service\n" in reported
    assert "runbook  docs/runbook/sssd.md\n" in reported


def test_every_page_that_a_card_names_is_there() -> None:
    """A page for each stage: build, needs, boot, checks, lifecycle, publish."""
    missing = [
        page
        for page in (*PAGES.values(), *(name for _, name in SPOKEN_OF))
        if not (ROOT / "docs/runbook" / f"{page}.md").is_file()
    ]
    assert missing == []


def test_without_a_screen_no_browser_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """operator.md: `report --open` without a browser prints xdg-open's words."""
    write_result(replace(good(), run_id="r"), tmp_path / ".imagekit/runs/r")
    asked: list[str] = []

    def launch(url: str) -> int:
        asked.append(url)
        return 0

    monkeypatch.setattr("click.launch", launch)
    for name, screen in (("DISPLAY", ""), ("WAYLAND_DISPLAY", "")):
        monkeypatch.setenv(name, screen)
    done = CliRunner().invoke(cli, ["--project", str(tmp_path), "report", "--open"])
    assert (asked, "no browser could be started; the page is" in done.output) == ([], True)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    CliRunner().invoke(cli, ["--project", str(tmp_path), "report", "--open"])
    assert asked == [(tmp_path / ".imagekit/runs/r/report.html").as_uri()]


@pytest.mark.parametrize("word", ["SSH-09", "ssh-09", "direct:base/test_hardening.py::test_control[SSH-09]"])
def test_a_hardening_control_is_explained_by_its_id(word: str) -> None:
    found = explain(ROOT, word)
    assert found.page == "docs/runbook/hardening.md"
    assert found.about.startswith("hardening SSH-09, level 1: no message authentication by SHA-1")


@pytest.mark.parametrize(
    "word",
    [
        "rule_no_root",
        "xccdf_org.example_rule_no_root",
        "openscap rule_no_root: the scanner says fail, severity high",
        "direct:openscap/test_openscap.py::test_rule[rule_no_root]",
    ],
)
def test_a_rule_of_scap_content_is_explained_by_its_id(word: str) -> None:
    found = explain(ROOT, word)
    assert found.page == "docs/runbook/openscap.md"
    assert found.about == "rule_no_root of the SCAP content"


def test_a_log_file_is_explained_line_by_line(tmp_path: Path) -> None:
    log = tmp_path / "node.log"
    log.write_text("fine\nkinit: Clock skew too great while getting initial credentials\n")
    told = run_cli(ROOT, str(log)).stdout
    assert "docs/runbook/time.md: clocks differ\n  line 2: kinit: Clock skew too great" in told
