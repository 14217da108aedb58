"""The three views of a report."""

from __future__ import annotations

import json

import pytest

from imagekit.bench import table
from tests.unit.bench import sample


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "s", "-"),
        (0.0123456, "s", "0.0123 s"),
        (1.5, "", "1.5"),
        (12.345, "s", "12.3 s"),
        (1234567.0, "B", "1234567 B"),
        (99.96, "s", "100 s"),
        (0.0, "s", "0 s"),
    ],
)
def test_numbers_have_three_digits(value: float | None, unit: str, text: str) -> None:
    assert table.number(value, unit) == text


def test_a_goal_is_a_factor_or_a_value() -> None:
    assert table.goal_text(sample.MET) == "≤ 0.4 x"
    assert table.goal_text(sample.UNKNOWN) == "≤ 2 s"
    assert table.goal_text(sample.WITHOUT) == ""


def test_a_missed_goal_stands_out() -> None:
    assert table.cells(sample.MISSED) == ("live boot", "50 s", "plain", "60 s", "0.833", "≤ 0.6 x", "NO")


def test_columns_of_the_text_line_up() -> None:
    lines = table.as_text(sample.report()).splitlines()
    ends = {line.index("≤") + len("≤ 0.4 x") for line in lines if "≤ 0." in line}
    assert len(ends) == 1


def test_markdown_has_date_command_machine_load_and_notes() -> None:
    text = table.as_markdown(sample.report(error="it broke"))
    for part in ("2026-01-02T03:04:05", "`imagekit bench boot`", "2 x Processor", "stage | plan: reused"):
        assert part in text
    assert "- not measured: boot: it broke" in text
    assert "- boot: 130 s, load average 1.0 before and 2.0 after" in text


def test_every_line_of_the_markdown_table_has_every_column() -> None:
    lines = [line for line in table.as_markdown(sample.report()).splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 4
    assert {line.replace("\\|", "").count("|") for line in lines} == {len(table.HEADINGS) + 1}


def test_json_has_ratios_and_answers() -> None:
    rows = json.loads(table.as_json(sample.report()))["measurements"][0]["rows"]
    assert [row["met"] for row in rows] == ["yes", "no", "", "unknown"]
    assert rows[0]["ratio"] == pytest.approx(1 / 3)
