"""The runbook: an index by symptom, commands that are shell, pages that lead to one another, patterns that match.

`python -m tests.unit.test_runbook` writes the index.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit.app.explain import _checks, explain, explain_log
from imagekit.app.logfile import PATTERNS, PatternFile, known_line, read_log
from imagekit.base.errors import ConfigError
from imagekit.base.process import run
from imagekit.config.load import parse_file
from tests.support.runbook import FOLDER, INDEX, ROOT, node_commands

PAGES = sorted(path for path in FOLDER.glob("*.md") if path != INDEX)
HEAD = """\
# Runbook, by symptom

One page for each kind of failure. `imagekit explain` finds it for you: by a check, a hardening control, a scenario,
what one of them said when it failed, a line of a log, or a whole log file. Commands under *console on the node* are
run by a nightly test on a booted node; get one with `imagekit shell IMAGE`.

"""


def symptom(page: Path) -> str:
    """The sentence of a page that begins with "Symptom:", else its first one."""
    text = page.read_text()
    found = re.search(r"^Symptom: (.+)$", text, re.MULTILINE)
    first = found[1] if found else text.split("\n\n")[1].replace("\n", " ")
    return first.split(". ")[0].rstrip(".").replace("|", "\\|")


def index() -> str:
    """The index as it should be: a row a page, then which page each file of checks has."""
    rows = [f"| {symptom(page)} | [{page.read_text().splitlines()[0][2:]}]({page.name}) |" for page in PAGES]
    used: dict[str, set[str]] = {}
    for check in _checks(ROOT / "vm-harness/checks"):
        used.setdefault(check.page, set()).add(check.id.partition("::")[0])
    checks = [
        f"| {', '.join(f'`{each}`' for each in sorted(files))} | [{page}]({page}.md) |"
        for page, files in sorted(used.items())
    ]
    return "\n".join(
        (
            *(HEAD.rstrip(), "", "| you see | page |", "|---|---|", *rows, ""),
            *("## By check", "", "| checks | page |", "|---|---|", *checks, ""),
        )
    )


def test_the_index_is_current() -> None:
    assert INDEX.read_text() == index(), "run: python -m tests.unit.test_runbook"


def test_there_are_enough_pages() -> None:
    assert len(PAGES) >= 45


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_what_is_seen_and_what_to_do(page: Path) -> None:
    text = page.read_text()
    assert text.startswith("# ")
    assert len(symptom(page)) > 20
    if "Symptom: " in text:
        parts = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert parts == ["Likely causes, in order", "Commands", "The fix", "Where it belongs"]
        assert len(re.findall(r"^\d\. ", text, re.MULTILINE)) >= 3


COMMANDS = [(page.stem, command) for page in PAGES for command in node_commands(page.read_text())]


def test_most_pages_about_nodes_have_commands() -> None:
    assert len({name for name, _ in COMMANDS}) >= 33
    assert len(COMMANDS) >= 150


def test_the_commands_are_shell() -> None:
    """`bash -n` reads them all and runs none."""
    done = run(["bash", "-n", "-c", "\n".join(command for _, command in COMMANDS)], timeout=20, ok=range(256))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[f"{name}: {command}"[:60] for name, command in COMMANDS])
def test_a_command_only_looks_and_never_waits(name: str, command: str) -> None:
    """No placeholder that somebody would paste, nothing that changes the node, no pager."""
    assert not re.search(r"(?<![,\w])(UNIT|IMAGE|FILE|NAME|MODULE|PORT|KEY)(?![,\w])", command)
    assert not re.search(
        r"\b(rm|dd|mkfs\S*|reboot|poweroff|kill|mv|tee|systemctl (stop|start|restart|mask))\b|[^2&]>", command
    )
    if command.startswith(("journalctl", "sudo journalctl")):
        assert "--no-pager" in command or "--disk-usage" in command


def test_every_check_has_a_page_and_explain_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = tuple(_checks(ROOT / "vm-harness/checks"))
    assert len(checks) > 200
    monkeypatch.setattr("imagekit.app.explain._checks", lambda _folder: checks)  # else read anew for each of them
    for check in checks:
        assert (FOLDER / f"{check.page}.md").is_file()
        assert explain(ROOT, check.id).page == f"docs/runbook/{check.page}.md"


def patterns() -> Iterator[tuple[str, str]]:
    yield from ((each.page, each.match) for each in parse_file(PatternFile, ROOT / PATTERNS).patterns)


@pytest.mark.parametrize(("page", "line"), list(patterns()), ids=[page + "-" + line[:30] for page, line in patterns()])
def test_a_sample_line_leads_to_its_page(page: str, line: str) -> None:
    assert (FOLDER / f"{page}.md").is_file()
    found = known_line(ROOT, line)
    assert found is not None
    assert found[0] == page
    assert explain(ROOT, line).page == f"docs/runbook/{page}.md"


@pytest.mark.parametrize(
    "line", ["", "Nov 28 systemd[1]: Started session 1 of user ada", "Reached target multi-user.target"]
)
def test_a_good_line_leads_nowhere(line: str) -> None:
    assert known_line(ROOT, line) is None


def test_a_log_is_told_in_the_order_of_its_faults(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(
        b"fine\nmodprobe: FATAL: Module zfs not found in directory /lib/modules/6\n\xff\xfe\n"
        b"[ 2.1] Kernel panic - not syncing: x\nmodprobe: FATAL: Module zfs not found\n"
    )
    first, second = read_log(ROOT, log)
    assert (first.page, first.line, first.count) == ("modules", 2, 2)
    assert (second.page, second.line) == ("boot", 4)
    told = explain_log(ROOT, log)
    assert told.index("docs/runbook/modules.md") < told.index("docs/runbook/boot.md")
    assert "line 2 and 1 more: modprobe: FATAL" in told


def test_a_log_of_imagekits_own_leads_to_the_pages_that_its_cards_name(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text(
        " FAILED  debian-node v1\nfailed   it stopped\nrunbook  docs/runbook/libvirt.md\n"
        "failed   no token (runbook k0s-join, no token): x\nrunbook  docs/runbook/there-is-none.md\n"
    )
    assert [(each.page, each.line) for each in read_log(ROOT, tmp_path / "x.log")] == [("libvirt", 3), ("k0s-join", 4)]


def test_a_log_without_anything_known_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text("all is well\n")
    with pytest.raises(ConfigError, match="knows no line"):
        explain_log(ROOT, tmp_path / "x.log")


def test_a_log_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_log(ROOT, tmp_path / "nothing.log")


if __name__ == "__main__":
    INDEX.write_text(index())
