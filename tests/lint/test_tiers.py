"""Every test is in one of the two tiers of bin/test, and CONTRIBUTING says what waits for the night."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from imagekit.base.process import run

ROOT = Path(__file__).parents[2]


def collected(*argv: str | Path) -> tuple[set[str], list[str]]:
    """The tests that a command would run, and all lines that it printed."""
    done = run([*argv, "--collect-only", "-q"], timeout=240, cwd=ROOT, env={"PATH": os.environ["PATH"]})
    lines = done.stdout.splitlines()
    return {line for line in lines if line.startswith("tests/") and "::" in line}, lines


@pytest.fixture(scope="module")
def night() -> tuple[set[str], list[str]]:
    return collected(ROOT / "bin/test", "nightly")


def test_the_two_tiers_are_every_test_and_share_none(night: tuple[set[str], list[str]]) -> None:
    change, _ = collected(ROOT / "bin/test")
    everything, _ = collected(sys.executable, "-m", "pytest", "tests", "-m", "")
    assert len(everything) > 2000
    assert change & night[0] == set()
    assert change | night[0] == everything


def test_contributing_lists_what_waits_for_the_night(night: tuple[set[str], list[str]]) -> None:
    rows = [line for line in night[1] if line.startswith("| `tests/")]
    page = (ROOT / "CONTRIBUTING.md").read_text()
    begin, end = "<!-- night begins -->\n", "<!-- night ends -->"
    assert rows, night[1][-20:]
    assert page.partition(begin)[2].partition(end)[0].splitlines()[2:] == rows, (
        "put the rows that `bin/test nightly --collect-only -q` prints into CONTRIBUTING.md"
    )
