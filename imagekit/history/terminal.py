"""Trends for a terminal: one line a series, with its course in eight heights (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imagekit.history.drawing import number
from imagekit.history.flakes import Flake
from imagekit.history.trends import Trends

_HEIGHTS = "▁▂▃▄▅▆▇█"
_MOST = 40


def render(found: Trends) -> str:
    """What `imagekit trends` prints of an image."""
    return "\n".join(_lines(found))


def _lines(found: Trends) -> Iterator[str]:
    yield f"{found.image}: {found.passed} of {found.runs} runs passed"
    for plot in found.plots:
        if plot.empty:
            yield f"  {plot.title}: {plot.empty}"
        for line in plot.lines:
            values = [value for _, value in line.points]
            unit = f" {plot.unit}" if plot.unit else ""
            now = f"{number(values[-1])}{unit} (first {number(values[0])}, most {number(max(values))})"
            yield f"  {plot.title}, {line.name}: {sparkline(values)} {now}"
    for flake in found.flakes:
        yield f"  flaky: {described(flake)}"


def described(flake: Flake) -> str:
    """A flaky check in one line."""
    who = ", ".join(filter(None, (flake.owner, flake.ticket, f"until {flake.expires}" if flake.expires else "")))
    counted = f"{100 * flake.rate:.0f} % ({flake.failures} of {flake.runs})"
    return f"{flake.name} {counted}, last {flake.last:%Y-%m-%d}, {flake.standing.value}{f' ({who})' if who else ''}"


def sparkline(values: Sequence[float]) -> str:
    """The last forty values in eight heights over zero."""
    last = values[-_MOST:]
    top = max(last, default=0.0)
    if top <= 0:
        return _HEIGHTS[0] * len(last)
    return "".join(_HEIGHTS[min(7, int(value / top * 7.999))] for value in last)
