"""README's first command in a fresh clone with nothing cached: engine, base, layers, machines, registry."""

from __future__ import annotations

from imagekit.bench.clone import cloned, run_in, verdict_note
from imagekit.bench.cost import cost_of
from imagekit.bench.model import Bound, Goal, Row
from imagekit.bench.subject import BenchSubject, program

_GOAL = Goal(limit=600.0, bound=Bound.VALUE)
_SILENCE = Goal(limit=5.0, bound=Bound.VALUE)
_UNCHANGED = Goal(limit=0.03)
_AGAIN = 600.0
_OWN_ENGINE = {"DOCKER_HOST": ""}  # whatever engine is named, a private one without any cache is started


def measure(bench: BenchSubject) -> list[Row]:
    """Wall seconds of the whole command and of each stage. Setting up this machine (bin/setup) is no part of it."""
    with cloned(bench.project, bench.scratch / "clone") as clone:
        ran = run_in(clone, "run", bench.name, env=_OWN_ENGINE)
        again = cost_of([program(), "--quiet", "--project", clone, "run", bench.name], timeout=_AGAIN, env=_OWN_ENGINE)
    total = Row(name="cold run", measured=ran.seconds, unit="s", goal=_GOAL, note=verdict_note(ran.result))
    silence = Row(name="cold run, longest silence", measured=ran.silence, unit="s", goal=_SILENCE)
    stages = [
        Row(
            name=f"cold run, {stage.name}",
            measured=stage.seconds,
            unit="s",
            against="cold run",
            reference=ran.seconds,
            note="" if stage.status == "done" else str(stage.status),
        )
        for stage in ran.result.stages
    ]
    unchanged = Row(
        name="the same command again",
        measured=again.seconds,
        unit="s",
        against="cold run",
        reference=ran.seconds,
        goal=_UNCHANGED,
    )
    return [total, silence, unchanged, *stages]
