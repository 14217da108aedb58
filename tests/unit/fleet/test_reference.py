"""The page of the fleet file is made of its schema."""

from __future__ import annotations

from pathlib import Path

from imagekit.fleet.reference import page

PAGE = Path(__file__).parents[3] / "docs" / "fleet-file.md"


def test_the_page_is_what_the_schema_says() -> None:
    assert PAGE.read_text() == page(), "run: python -m imagekit.fleet.reference"


def test_every_key_of_a_node_has_a_meaning() -> None:
    section = page().partition("## NodeEntry")[2].partition("##")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert len(rows) > 15
    assert all(not line.endswith("|  |") for line in rows)
