"""Ratios, goals, medians."""

from __future__ import annotations

import pytest

from imagekit.bench.model import Bound, Goal, Met, Row, median
from tests.unit.bench import sample


def test_a_ratio_is_measured_by_reference() -> None:
    assert sample.MET.ratio == pytest.approx(1 / 3)


@pytest.mark.parametrize(("measured", "reference"), [(None, 2.0), (1.0, None), (1.0, 0.0)])
def test_there_is_no_ratio_without_both_numbers(measured: float | None, reference: float | None) -> None:
    row = Row(name="x", measured=measured, unit="s", against="y", reference=reference, goal=Goal(limit=9.0))
    assert row.ratio is None
    assert row.met is Met.UNKNOWN


@pytest.mark.parametrize(
    ("measured", "limit", "bound", "met"),
    [
        (40.0, 0.4, Bound.RATIO, Met.YES),
        (40.1, 0.4, Bound.RATIO, Met.NO),
        (2.0, 2.0, Bound.VALUE, Met.YES),
        (2.1, 2.0, Bound.VALUE, Met.NO),
    ],
)
def test_the_limit_itself_is_allowed(measured: float, limit: float, bound: Bound, met: Met) -> None:
    row = Row(name="x", measured=measured, unit="s", against="y", reference=100.0, goal=Goal(limit=limit, bound=bound))
    assert row.met is met


def test_a_row_without_goal_is_neither_met_nor_missed() -> None:
    assert sample.WITHOUT.met is Met.NONE


def test_a_report_names_what_was_missed_and_what_was_not_measured() -> None:
    report = sample.report(error="the guest hangs")
    assert report.missed == (sample.MISSED,)
    assert report.errors == ("boot: the guest hangs",)


@pytest.mark.parametrize(("values", "middle"), [([3.0], 3.0), ([9.0, 1.0, 2.0], 2.0), ([4.0, 1.0, 3.0, 2.0], 2.0)])
def test_median_is_a_number_that_was_measured(values: list[float], middle: float) -> None:
    assert median(values) == middle
