"""What it takes until servers beside the node answer: each fixture alone, and all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imagekit.base import process
from imagekit.base.process import ProgramMissingError
from imagekit.bench.model import Bound, Goal, Row, median
from imagekit.bench.subject import BenchSubject
from imagekit.fixtures.catalog import catalog, chosen
from imagekit.fixtures.session import fixture_network, own_programs

_ROUNDS = 3
_TOGETHER = Goal(limit=1.3)
_RESTORED = Goal(limit=10.0, bound=Bound.VALUE)
DOMAIN = "ad"


def measure(bench: BenchSubject) -> list[Row]:
    """Wall seconds until all servers take connections; what is made once and kept is made before. Medians of three."""
    harness = bench.project.harness
    missing = {name: reason for name in catalog(harness) if (reason := lacking(harness, [name]))}
    names = tuple(name for name in catalog(harness) if name not in missing)
    with fixture_network(harness, names, "bench"):
        pass  # packages are fetched, states made
    alone = {name: _seconds(harness, (name,)) for name in names}
    left = [Row(name=f"fixture {name}", measured=None, unit="s", note=reason) for name, reason in missing.items()]
    return [*rows(alone, _seconds(harness, names)), *left]


def lacking(harness: Path, names: Sequence[str]) -> str:
    """Programs that this host has not, and these fixtures or those that they need run; empty where none is missing."""
    try:
        own_programs(chosen(catalog(harness), names))
    except ProgramMissingError as error:
        return str(error)
    return ""


def rows(alone: dict[str, float], together: float) -> list[Row]:
    """Each fixture with those that it needs, and all at once against the slowest of them."""
    slowest = max(alone, key=lambda name: alone[name])
    each = [
        Row(
            name=f"fixture {name}" + (", its domain restored" if name == DOMAIN else ""),
            measured=seconds,
            unit="s",
            goal=_RESTORED if name == DOMAIN else None,
        )
        for name, seconds in alone.items()
    ]
    return [
        *each,
        Row(
            name=f"all {len(alone)} fixtures at once",
            measured=together,
            unit="s",
            against=f"{slowest} alone",
            reference=alone[slowest],
            goal=_TOGETHER,
        ),
    ]


def _seconds(harness: Path, names: tuple[str, ...]) -> float:
    return median(_once(harness, names) for _ in range(_ROUNDS))


def _once(harness: Path, names: tuple[str, ...]) -> float:
    begun = process.now()
    with fixture_network(harness, names, "bench"):
        return process.now() - begun
