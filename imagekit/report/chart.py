"""Geometry of the boot chart: systemd's times to places on a page (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from imagekit.report.result import BootChart, BootUnit

WIDTH = 1000
_TOP = 44
_ROW = 17
_STEPS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
_LABEL_WIDTH = 0.62


@dataclass(frozen=True, slots=True)
class Band:
    """A phase of the boot as a vertical band."""

    name: str
    x: float
    width: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A unit as a bar; its label stands right of it, or left when there is no room."""

    name: str
    x: float
    y: float
    width: float
    seconds: float
    label_x: float
    label_left: bool
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """All that the page draws."""

    width: int
    height: int
    bands: tuple[Band, ...]
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]


def draw(chart: BootChart) -> Drawing:
    """Place phases, ticks and units; the whole width is the time to the end of the boot, or to the last unit."""
    end = max([chart.finished, chart.userspace, *(unit.active for unit in chart.units), 0.001]) * 1.02
    scale = WIDTH / end
    return Drawing(
        width=WIDTH,
        height=_TOP + _ROW * len(chart.units) + 12,
        bands=_bands(chart, scale),
        bars=tuple(_bar(unit, number, scale, chart.finished) for number, unit in enumerate(chart.units)),
        ticks=_ticks(end, scale),
    )


def _bands(chart: BootChart, scale: float) -> tuple[Band, ...]:
    finished = max(chart.finished, chart.userspace)
    spans = [("kernel", 0.0, chart.kernel), ("userspace", chart.userspace, finished)]
    if chart.initrd:
        spans.insert(1, ("initrd", chart.initrd, chart.userspace))
    return tuple(Band(n, round(a * scale, 1), round((b - a) * scale, 1), b - a) for n, a, b in spans if b > a)


def _bar(unit: BootUnit, number: int, scale: float, finished: float) -> Bar:
    x, width = unit.started * scale, max(2.0, unit.seconds * scale)
    left = x / WIDTH > _LABEL_WIDTH
    kind = "failed" if unit.failed else "slow" if unit.seconds > 1.0 and unit.seconds > finished * 0.08 else "plain"
    return Bar(
        name=unit.name,
        x=round(x, 1),
        y=_TOP + number * _ROW,
        width=round(width, 1),
        seconds=unit.seconds,
        label_x=round(x - 6 if left else x + width + 6, 1),
        label_left=left,
        kind=kind,
        title=f"{unit.name}: began at {unit.started:.2f} s, took {unit.seconds:.2f} s",
    )


def _ticks(end: float, scale: float) -> tuple[tuple[float, str], ...]:
    step = next((step for step in _STEPS if end / step <= 12), 600.0)
    count = int(end / step)
    return tuple((round(n * step * scale, 1), f"{n * step:g} s") for n in range(1, count + 1))
