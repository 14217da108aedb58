"""docs/planted-faults.md is made of the tables of faults, and the tables name what there is."""

from __future__ import annotations

import pytest

from imagekit.checks.named import named_suites
from tests.support.plantedfaults import PAGE, page, rows
from tests.support.runbook import FOLDER, ROOT

CHECKS = ROOT / "vm-harness/checks"


def test_the_page_is_made_of_the_tables() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.unit.test_planted"


def test_there_are_many_and_each_is_another() -> None:
    assert len(rows()) >= 25
    assert len({(suite, name) for suite, name, *_ in rows()}) == len(rows())


@pytest.mark.parametrize(("suite", "name", "check", "says", "where"), rows(), ids=lambda value: str(value)[:40])
def test_check_and_page_are_there(suite: str, name: str, check: str, says: str, where: str) -> None:
    assert (FOLDER / f"{where}.md").is_file()
    assert says
    assert name
    if suite in named_suites(ROOT / "vm-harness"):
        assert any(f"def {check}(" in path.read_text() for path in (CHECKS / suite).glob("test_*.py")), check


if __name__ == "__main__":
    PAGE.write_text(page())
