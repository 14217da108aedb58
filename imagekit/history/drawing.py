"""Plots as numbers for an inline SVG: the template draws, nothing is computed there (pure)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from imagekit.history.trends import Line, Plot

WIDTH, HEIGHT = 520.0, 210.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 12.0, 12.0, 26.0
_DAY = 86400.0
_TICKS = 4
_SMALLEST = 1e-9  # no measurement of ours is less, and near 5e-324 a quarter of it is 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark on an axis: where, and what stands there."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One value: where it is drawn, and what a pointer over it shows."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One series."""

    name: str
    hue: int
    points: str
    dots: tuple[Dot, ...]
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A plot, drawn."""

    title: str
    unit: str
    empty: str
    curves: tuple[Curve, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]


def draw(plot: Plot) -> Drawing:
    """Place every value; the axis of values begins at zero, so that a small change looks small."""
    if not plot.lines:
        return Drawing(title=plot.title, unit=plot.unit, empty=plot.empty, curves=(), across=(), up=())
    step = nice_step(max(plot.values))
    top = step * max(1, math.ceil(max(plot.values) / step - 1e-9))
    instants = [at.timestamp() for line in plot.lines for at, _ in line.points]
    begin, end = min(instants), max(instants)
    return Drawing(
        title=plot.title,
        unit=plot.unit,
        empty="",
        curves=tuple(_curve(line, hue, begin, end, top) for hue, line in enumerate(plot.lines)),
        across=_days(begin, end),
        up=tuple(Tick(at=_y(each * step, top), text=number(each * step)) for each in range(round(top / step) + 1)),
    )


def nice_step(most: float) -> float:
    """A step of 1, 2 or 5 times a power of ten, so that about four of them reach `most`."""
    if most < _SMALLEST:
        return 1.0
    raw = most / _TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * each for each in (1, 2, 5, 10) if power * each >= raw * (1 - 1e-9))


def number(value: float) -> str:
    """A value as people read it."""
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _curve(line: Line, hue: int, begin: float, end: float, top: float) -> Curve:
    dots = tuple(
        Dot(
            x=_x(at.timestamp(), begin, end),
            y=_y(value, top),
            text=f"{line.name}: {number(value)} on {at:%Y-%m-%d %H:%M}",
        )
        for at, value in line.points
    )
    points = " ".join(f"{dot.x},{dot.y}" for dot in dots)
    return Curve(name=line.name, hue=hue % 6, points=points, dots=dots, last=number(line.points[-1][1]))


def _x(instant: float, begin: float, end: float) -> float:
    share = (instant - begin) / (end - begin) if end > begin else 0.5
    return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)


def _y(value: float, top: float) -> float:
    return round(HEIGHT - _BOTTOM - value / top * (HEIGHT - _TOP - _BOTTOM), 1)


def _days(begin: float, end: float) -> tuple[Tick, ...]:
    """First and last moment, and two between, within a day with its date once; one alone where all is of one time."""
    if end <= begin:
        return (Tick(at=_x(begin, begin, end), text=f"{datetime.fromtimestamp(begin, UTC):%b %d %H:%M}"),)
    forms = ["%b %d"] * 4 if end - begin > _DAY else ["%b %d %H:%M", *(["%H:%M"] * 3)]
    parts = [(begin + (end - begin) * number / 3, form) for number, form in enumerate(forms)]
    return tuple(Tick(at=_x(at, begin, end), text=f"{datetime.fromtimestamp(at, UTC):{form}}") for at, form in parts)
