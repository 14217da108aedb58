"""How much processor time the short commands need before they say anything."""

from __future__ import annotations

import sys
from pathlib import Path

from imagekit.bench.cost import cost_of
from imagekit.bench.model import Bound, Goal, Row, median
from imagekit.bench.subject import BenchSubject, program

_ROUNDS = 5
_TIMEOUT = 60.0
_GOAL = Goal(limit=0.2, bound=Bound.VALUE)


def measure(bench: BenchSubject) -> list[Row]:
    """CPU seconds of `--help` and `plan`, children included, beside a Python that does nothing; medians of five."""
    bare = _cpu([sys.executable, "-c", "pass"])
    own: list[str | Path] = [program(), "--project", bench.project.root]
    commands = {"imagekit --help": [*own, "--help"], "imagekit plan": [*own, "plan", bench.name]}
    return [
        Row(
            name=name,
            measured=_cpu(argv),
            unit="CPU s",
            against="python -c pass",
            reference=bare,
            goal=_GOAL,
        )
        for name, argv in commands.items()
    ]


def _cpu(argv: list[str | Path] | list[str]) -> float:
    return median(cost_of([*argv], timeout=_TIMEOUT).cpu_seconds for _ in range(_ROUNDS))
