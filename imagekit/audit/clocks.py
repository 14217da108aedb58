"""When a commit was made, by the clocks of all of them: bounds, not a time (pure).

The order of commits is that of the first-parent history; clocks only say when. A commit is no older than any before it
and no younger than any after it, so where a clock went backwards the bounds of several commits widen until they agree.
A clock that is ahead of the reader's says nothing: such a commit lies between its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence

from imagekit.audit.model import BEFORE, FOREVER, Piece, Point, State

SKEW = 300  # seconds by which clocks may differ
BEGINNING = 0


def bounds(times: Sequence[int], now: int) -> list[tuple[int, int]]:
    """The earliest and latest moment of each commit, in their order; both never go back."""
    sane = [each <= now + SKEW for each in times]
    high, latest = [FOREVER] * len(times), BEGINNING
    for at, each in enumerate(times):
        latest = max(latest, each) if sane[at] else latest
        high[at] = latest if sane[at] else FOREVER
    following = FOREVER
    for at in reversed(range(len(times))):
        following = high[at] = min(high[at], following)
    low, earliest = [BEGINNING] * len(times), FOREVER
    for at in reversed(range(len(times))):
        earliest = min(earliest, times[at]) if sane[at] else earliest
        low[at] = earliest
    before = BEGINNING
    for at in range(len(times)):
        before = low[at] = low[at] if sane[at] else before
    return list(zip(low, high, strict=True))


def before_history() -> Point:
    """The state of every node before the first commit: nothing is known."""
    return Point(0, -FOREVER, -FOREVER, BEFORE)


def pieces(points: Sequence[Point], begin: int, end: int) -> list[Piece]:
    """The states of a node in [begin, end), by every point of it in order; neighbours that agree are one.

    The first point is `before_history`.
    """
    inside = {edge for each in points for edge in (each.low, each.high) if begin < edge < end}
    cuts = [begin, *sorted(inside)] if begin < end else []
    found: list[Piece] = []
    sure = perhaps = 0  # how many commits were made by then for sure, and how many may have been
    for cut, stop in zip(cuts, [*cuts[1:], end], strict=False):
        while sure < len(points) and points[sure].high <= cut:
            sure += 1
        while perhaps < len(points) and points[perhaps].low <= cut:
            perhaps += 1
        last = points[sure - 1]
        states: tuple[State, ...] = (last.state,)
        if perhaps > sure:
            states = tuple(dict.fromkeys(each.state for each in points[sure - 1 : perhaps]))
        if found and found[-1].states == states:
            found[-1] = Piece(found[-1].begin, stop, states, found[-1].seq)
        else:
            found.append(Piece(cut, stop, states, last.seq))
    return found
