"""Series over time out of the history (pure but for the reading)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from imagekit.checks.outcome import Outcome
from imagekit.history import read
from imagekit.history.flakes import Flake, flakes
from imagekit.history.model import BootCost, CheckRun
from imagekit.history.store import History


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series: a moment and a value each, in the order of time."""

    name: str
    points: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Series of one unit that belong together; without a point it says why in `empty`."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    empty: str = ""

    @property
    def values(self) -> tuple[float, ...]:
        """Every value of every line."""
        return tuple(value for line in self.lines for _, value in line.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trends:
    """Everything that the page and the terminal show of one image."""

    image: str
    runs: int
    passed: int
    plots: tuple[Plot, ...]
    flakes: tuple[Flake, ...]


def trends(history: History, image: str, today: date) -> Trends:
    """The trends of an image; raises `HistoryError`."""
    runs = tuple(each for each in read.runs(history, image) if not each.trial)
    all_checks = read.check_runs(history, image)
    checks = tuple(each for each in all_checks if not each.trial)
    boots, nights = read.boots(history, image), read.nights(history, image)
    paths = list(dict.fromkeys(each.path for each in boots))
    sizes = tuple((each.started, each.size / 1e6) for each in runs if each.size)
    behind = tuple((each.started, float(each.behind)) for each in nights if each.behind is not None)
    return Trends(
        image=image,
        runs=len(runs),
        passed=sum(each.verdict == "passed" for each in runs),
        flakes=flakes(all_checks, today),
        plots=(
            _plot("Boot to SSH", "s", [_boot_line(boots, path, cpu=False) for path in paths], "no boot was recorded"),
            _plot("Boot cost", "CPU s", [_boot_line(boots, path, cpu=True) for path in paths], "no boot was recorded"),
            _plot("Image size", "MB", [Line(name="packed", points=sizes)], "no image was built"),
            _plot("Checks", "", _check_lines(checks), "no check was run"),
            _plot("Runs a week in which a check flaked", "", [_flake_line(all_checks)], "no check has flaked"),
            _plot("Packages behind upstream", "", [Line(name="packages", points=behind)], "imagekit drift counts them"),
        ),
    )


def _plot(title: str, unit: str, lines: Sequence[Line], empty: str) -> Plot:
    there = tuple(line for line in lines if line.points)
    return Plot(title=title, unit=unit, lines=there, empty="" if there else empty)


def _boot_line(boots: Iterable[BootCost], path: str, *, cpu: bool) -> Line:
    points = tuple((each.started, each.cpu if cpu else each.seconds) for each in boots if each.path == path)
    return Line(name=path, points=points)


def _check_lines(checks: Sequence[CheckRun]) -> list[Line]:
    """How many checks each run had, and how many of them did not pass; skipped and missing did not."""
    when = {each.run_id: each.started for each in checks}
    total = Counter(each.run_id for each in checks)
    bad = Counter(each.run_id for each in checks if each.outcome is not Outcome.PASSED)
    return [
        Line(name="all", points=tuple((at, float(total[run])) for run, at in when.items())),
        Line(name="did not pass", points=tuple((at, float(bad[run])) for run, at in when.items())),
    ]


def _flake_line(checks: Sequence[CheckRun]) -> Line:
    """For each ISO week how many runs had a failure of a check that passed on the same digest, too."""
    passed = {(each.digest, each.name) for each in checks if each.fresh and each.outcome is Outcome.PASSED}
    failed = (Outcome.FAILED, Outcome.ERRORED)
    flaked = [each for each in checks if each.fresh and each.outcome in failed and (each.digest, each.name) in passed]
    weeks: dict[tuple[int, int], datetime] = {}
    for each in checks if flaked else ():
        weeks.setdefault(each.started.isocalendar()[:2], each.started)
    runs = {week: {each.run_id for each in flaked if each.started.isocalendar()[:2] == week} for week in weeks}
    return Line(name="runs", points=tuple((at, float(len(runs[week]))) for week, at in sorted(weeks.items())))
