"""Every test is in one of the two tiers of bin/test, and CONTRIBUTING says what waits for the night."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from imagekit.base.process import run

ROOT = Path(__file__).parents[2]
# All tests are collected once, in a process of its own: each with whether it waits for the night.
COLLECT = """
import json, pathlib, sys, pytest
class Recorder:
    def pytest_collection_finish(self, session):
        marked = {each.nodeid: each.get_closest_marker("nightly") is not None for each in session.items}
        pathlib.Path(sys.argv[1]).write_text(json.dumps(marked))
sys.exit(pytest.main(["tests", "-m", "", "--collect-only", "-q"], plugins=[Recorder()]))
"""
# In the place of Python, for bin/test: writes down what it was called with.
RECORD = (
    '#!/bin/sh\ncall=$(printf "%s\\n" "$@")\n'
    'printf "%s\\n\\n" "$call" >>"$(dirname "$0")/calls"\n'  # in one write: two may run at once
)
CHOSEN = {"nightly": (True,), "not nightly": (False,), "": (True, False)}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bool], list[str]]:
    """Every test with whether it waits for the night, and all lines that were printed."""
    out = tmp_path_factory.mktemp("tiers") / "tests.json"
    done = run([sys.executable, "-c", COLLECT, out], timeout=240, cwd=ROOT, env={"PATH": os.environ["PATH"]})
    return json.loads(out.read_text()), done.stdout.splitlines()


def laid_out(folder: Path, python: str) -> Path:
    """A copy of bin/test beside empty folders of tests, with that text for its Python."""
    shutil.copytree(ROOT / "bin", folder / "bin")
    for kind in sorted(path.name for path in (ROOT / "tests").iterdir() if path.is_dir()):
        (folder / "tests" / kind).mkdir(parents=True)
    (folder / ".venv/bin").mkdir(parents=True)
    for name, text in {"bin/setup": "#!/bin/sh\n", ".venv/bin/python": python}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder / "bin/test"


def calls_of(folder: Path, *arguments: str) -> list[list[str]]:
    """The arguments of each run of pytest that bin/test starts."""
    run([laid_out(folder, RECORD), *arguments, "--collect-only"], timeout=60)
    return [call.splitlines() for call in (folder / ".venv/bin/calls").read_text().split("\n\n") if call]


def chosen(call: list[str], usual: str, tests: dict[str, bool]) -> set[str]:
    """What one run of pytest chooses by its folders and by the last of its `-m`."""
    assert call[:2] == ["-m", "pytest"]
    marks = [call[at + 1] for at, word in enumerate(call) if word == "-m"][1:]
    folders = tuple(f"{word}/" for word in call if word.startswith("tests/"))
    return {
        test for test, night in tests.items() if test.startswith(folders) and night in CHOSEN[(marks or [usual])[-1]]
    }


def test_the_two_tiers_are_every_test_and_share_none(
    everything: tuple[dict[str, bool], list[str]], tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    usual = pytestconfig.getini("addopts")
    assert usual[-2] == "-m"
    tests = everything[0]
    change = [chosen(call, usual[-1], tests) for call in calls_of(tmp_path / "change")]
    night = [chosen(call, usual[-1], tests) for call in calls_of(tmp_path / "night", "nightly")]
    assert len(tests) > 2000
    assert len(set().union(*change)) > 2000
    assert set().union(*change) & set().union(*night) == set()
    assert set().union(*change, *night) == set(tests)
    assert sum(len(each) for each in (*change, *night)) == len(tests), "some test is run twice"


def test_contributing_lists_what_waits_for_the_night(everything: tuple[dict[str, bool], list[str]]) -> None:
    rows = [line for line in everything[1] if line.startswith("| `tests/")]
    rows.sort(key=lambda row: not row.startswith(("| `tests/lint/", "| `tests/unit/")))  # bin/test runs these first
    page = (ROOT / "CONTRIBUTING.md").read_text()
    begin, end = "<!-- night begins -->\n", "<!-- night ends -->"
    assert rows, everything[1][-20:]
    assert page.partition(begin)[2].partition(end)[0].splitlines()[2:] == rows, (
        "put the rows that `bin/test nightly --collect-only -q` prints into CONTRIBUTING.md"
    )


@pytest.mark.parametrize("name", ["lint-and-unit", "runs", "machines"])
def test_one_run_that_fails_is_a_failure_of_all(name: str, tmp_path: Path) -> None:
    """One of them goes in the background, where a status is easily lost; what it printed is shown all the same."""
    python = f'#!/bin/sh\ncase "$*" in *test/{name}.xml*) echo "{name} broke"; exit 3 ;; esac\n'
    done = run([laid_out(tmp_path, python)], timeout=60, ok=range(256))
    assert done.returncode == 3
    assert f"{name} broke" in done.stdout
    assert [line.split()[0] for line in done.stderr.splitlines() if line.endswith(" s")] == (
        ["lint-and-unit"] if name == "lint-and-unit" else ["lint-and-unit", "runs", "machines"]
    )


def test_nothing_chosen_in_any_run_is_told(tmp_path: Path) -> None:
    assert run([laid_out(tmp_path, "#!/bin/sh\nexit 5\n"), "-k", "none"], timeout=60, ok=range(256)).returncode == 5
