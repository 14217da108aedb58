"""Trends: the series, the drawing, the page and the terminal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagekit.checks.outcome import Outcome
from imagekit.history import read
from imagekit.history.add import add_night, add_run
from imagekit.history.drawing import HEIGHT, WIDTH, draw, nice_step
from imagekit.history.eta import expected_seconds
from imagekit.history.model import Night, NightOutcome
from imagekit.history.page import render_page, write_page
from imagekit.history.starvation import Alarm, AlarmKind
from imagekit.history.store import History
from imagekit.history.terminal import render, sparkline
from imagekit.history.trends import Line, Plot, Trends, trends
from imagekit.report.result import Verdict
from tests.support.histories import result

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def found(tmp_path: Path) -> Trends:
    with History(tmp_path / "h") as history:
        for number in range(20):
            bad = {"base": Outcome.PASSED, "k0s": Outcome.FAILED if number % 5 == 0 else Outcome.PASSED}
            add_run(history, result(NOON + number * DAY, bad, seconds=20.0 + number, size=300_000_000 + number * 10**6))
            add_night(
                history,
                Night(
                    night_id=f"{number:02}",
                    image="small-node",
                    started=NOON + number * DAY,
                    ended=NOON + number * DAY,
                    outcome=NightOutcome.DRIFT,
                    behind=number,
                ),
            )
        return trends(history, "small-node", (NOON + 20 * DAY).date())


def test_every_series_is_there_with_its_values(found: Trends) -> None:
    series = {
        (plot.title, line.name): [value for _, value in line.points] for plot in found.plots for line in plot.lines
    }
    assert series["Boot to SSH", "direct"] == [20.0 + number for number in range(20)]
    assert series["Boot cost", "direct"] == [40.0 + 2 * number for number in range(20)]
    assert series["Image size", "packed"] == [300.0 + number for number in range(20)]
    assert series["Checks", "all"] == [2.0] * 20
    assert sum(series["Checks", "did not pass"]) == 4
    assert sum(series["Runs a week in which a check flaked", "runs"]) == 4
    assert series["Packages behind upstream", "packages"] == [float(number) for number in range(20)]
    assert (found.runs, found.passed) == (20, 16)
    assert [flake.name for flake in found.flakes] == ["direct:k0s/test_x.py::test_x"]


def test_what_a_night_tried_beside_the_image_is_in_no_series_but_its_flakes_are(tmp_path: Path) -> None:
    other, trial = "sha256:" + "b" * 64, "night 1: a part of the inputs that moved"
    with History(tmp_path / "h") as history:
        add_run(history, result(NOON))
        for hours, outcome in ((1, Outcome.FAILED), (2, Outcome.PASSED)):
            tried = result(NOON + timedelta(hours=hours), {"base": outcome}, digest=other, size=1, trial=trial)
            add_run(history, tried)
        found = trends(history, "small-node", NOON.date())
        assert read.stage_seconds(history, "small-node", "boot direct") == (20.0,)
        assert len(read.overlaps(history, "small-node")) == 1
    series = {line.name: len(line.points) for plot in found.plots for line in plot.lines}
    assert series == {"direct": 1, "packed": 1, "all": 1, "did not pass": 1, "runs": 1}
    assert (found.runs, found.passed) == (1, 1)
    assert [each.name for each in found.flakes] == ["direct:base/test_x.py::test_x"]


def test_what_was_only_built_is_in_no_history(tmp_path: Path) -> None:
    only_built = replace(result(NOON), verdict=Verdict.BUILT, suites=None, failure=None, boots=())
    with History(tmp_path / "h") as history:
        add_run(history, only_built)
        assert read.runs(history) == ()


def test_the_time_to_expect_is_the_median_of_what_was_done(tmp_path: Path) -> None:
    with History(tmp_path / "h") as history:
        for number, seconds in enumerate([10.0, 500.0, 12.0]):
            add_run(history, result(NOON + number * DAY, seconds=seconds))
        add_run(history, result(NOON + 9 * DAY, seconds=1.0, reused=True))
        assert expected_seconds(history, "small-node", ["boot direct", "publish"]) == {"boot direct": 12.0}


def test_a_history_without_a_run_says_so_and_draws_nothing(tmp_path: Path) -> None:
    with History(tmp_path / "h") as history:
        empty = trends(history, "none", NOON.date())
    assert [plot.empty != "" for plot in empty.plots] == [True] * len(empty.plots)
    assert "no boot was recorded" in render(empty)
    assert "<svg" not in render_page([empty], [], NOON)
    assert "No run has been recorded" in render_page([], [], NOON)


@given(
    st.lists(st.tuples(st.integers(0, 10**8), st.floats(0, 1e9, allow_nan=False)), min_size=1, max_size=40),
    st.integers(1, 3),
)
@example([(0, 5e-324)], 1)
def test_every_value_is_drawn_inside_of_its_plot(values: list[tuple[int, float]], lines: int) -> None:
    points = tuple((NOON + timedelta(seconds=at), value) for at, value in sorted(values))
    drawn = draw(Plot(title="x", unit="s", lines=tuple(Line(name=str(each), points=points) for each in range(lines))))
    for curve in drawn.curves:
        for dot in curve.dots:
            assert 0 <= dot.x <= WIDTH
            assert 0 <= dot.y <= HEIGHT
    assert 2 <= len(drawn.up) <= 7
    assert all(0 <= tick.at <= HEIGHT for tick in drawn.up)


@given(st.floats(1e-6, 1e12))
def test_a_step_is_round_and_four_or_so_reach_the_most(most: float) -> None:
    assert 1.5 <= most / nice_step(most) <= 4.01


class Words(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_is_whole_in_itself_and_has_no_script(found: Trends, tmp_path: Path) -> None:
    alarm = Alarm(kind=AlarmKind.CHANNEL, subject="prod/<b>", since=NOON, text="<script>alert(1)</script>")
    text = write_page([found], [alarm], NOON, tmp_path / "page.html").read_text()
    tags = Words(text).tags
    names = [name for name, _ in tags]
    assert names.count("svg") == 6
    assert not {"script", "link", "img", "iframe"} & set(names)
    assert not [attrs for _, attrs in tags if {"src", "href", "onload"} & set(attrs)]
    assert "&lt;script&gt;" in text
    assert "channel-starved" in text


def test_the_terminal_has_a_line_for_each_series(found: Trends) -> None:
    lines = render(found).splitlines()
    assert lines[0] == "small-node: 16 of 20 runs passed"
    assert any(line.startswith("  Boot to SSH, direct: ▅") and "39 s (first 20, most 39)" in line for line in lines)
    assert lines[-1].startswith("  flaky: direct:k0s/test_x.py::test_x 20 % (4 of 20)")


def test_a_sparkline_shows_the_last_forty() -> None:
    assert sparkline([0.0, 1.0]) == "▁█"
    assert sparkline([0.0, 0.0]) == "▁▁"
    assert len(sparkline([1.0] * 100)) == 40


@pytest.mark.parametrize(
    ("hours", "texts"),
    [
        (0.0, ["Nov 29 22:00"]),
        (6.0, ["Nov 29 22:00", "00:00", "02:00", "04:00"]),
        (72.0, ["Nov 29", "Nov 30", "Dec 01", "Dec 02"]),
    ],
)
def test_moments_below_a_plot_are_told_with_their_day(hours: float, texts: list[str]) -> None:
    begin = datetime(2026, 11, 29, 22, tzinfo=UTC)
    points = ((begin, 1.0), (begin + timedelta(hours=hours), 2.0))
    drawn = draw(Plot(title="x", unit="s", lines=(Line(name="one", points=points),)))
    assert [tick.text for tick in drawn.across] == texts
