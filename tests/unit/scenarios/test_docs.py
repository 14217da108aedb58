"""docs/lifecycle.md holds the table of scenarios as they are; `python -m tests.unit.scenarios.test_docs` renews it."""

from __future__ import annotations

import re
from pathlib import Path

from imagekit.scenarios.table import markdown

PAGE = Path(__file__).parents[3] / "docs/lifecycle.md"
_TABLE = re.compile(r"(<!-- scenarios begin -->\n).*?(<!-- scenarios end -->)", flags=re.DOTALL)


def current(text: str) -> str:
    """The page with the table as it should be."""
    return _TABLE.sub(lambda found: f"{found[1]}{markdown()}\n{found[2]}", text)


def test_the_table_is_current() -> None:
    text = PAGE.read_text()
    assert _TABLE.search(text)
    assert text == current(text)


if __name__ == "__main__":
    PAGE.write_text(current(PAGE.read_text()))
