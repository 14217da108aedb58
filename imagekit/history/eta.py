"""How long a stage will take, by how long it took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

from imagekit.history.read import overlaps, stage_seconds
from imagekit.history.store import History


def expected_seconds(history: History, image: str, stages: Iterable[str]) -> dict[str, float]:
    """The median of the last nine times of each stage, in seconds; a stage that was never gone through has no entry."""
    found = {name: stage_seconds(history, image, name) for name in stages}
    return {name: round(median(times), 3) for name, times in found.items() if times}


def together(history: History, image: str, expected: Mapping[str, float]) -> float:
    """How many seconds these stages take in one run: their sum, or less where earlier runs did some side by side."""
    found = overlaps(history, image)
    return sum(expected.values()) * (median(found) if found else 1.0)
