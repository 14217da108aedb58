"""README's first command in a fresh clone with nothing cached: engine, base, layers, machines, registry."""

from __future__ import annotations

from imagekit.bench.clone import cloned, run_in, verdict_note
from imagekit.bench.model import Bound, Goal, Row
from imagekit.bench.subject import Subject

_GOAL = Goal(limit=600.0, bound=Bound.VALUE)
_SILENCE = Goal(limit=5.0, bound=Bound.VALUE)


def measure(bench: Subject) -> list[Row]:
    """Wall seconds of the whole command and of each stage. Setting up this machine (bin/setup) is no part of it."""
    with cloned(bench.project, bench.scratch / "clone") as clone:
        # An empty DOCKER_HOST, so that a private engine without any cache is started.
        ran = run_in(clone, "run", bench.name, env={"DOCKER_HOST": ""})
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
    return [total, silence, *stages]
