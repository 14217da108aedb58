"""A plan for people and for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from imagekit.plan.model import Plan, Stage


def as_data(plan: Plan) -> dict[str, Any]:
    """The plan as plain data for JSON."""
    return asdict(plan)


def as_text(plan: Plan) -> str:
    """The plan as a tree, the finished image on top."""
    head = [
        f"{plan.image} {plan.version}  {plan.family}/{plan.arch}  plan {plan.short}",
        f"source {plan.source.revision[:12]}{'-dirty' if plan.source.revision.endswith('-dirty') else ''}",
    ]
    head += [f"not locked: {name}" for name in plan.unlocked]
    if plan.locked:
        head.append(f"packages: {sum(len(stage.packages) for stage in plan.stages)} by images/locks, no network")
    head += [f"the lock does not fit: {part}" for part in plan.stale]
    return "\n".join(head + _branch(plan, plan.stages[-1], "", True, set()))


def _branch(plan: Plan, stage: Stage, indent: str, last: bool, seen: set[str]) -> list[str]:
    again = stage.name in seen
    seen.add(stage.name)
    note = "  (above)" if again else f"  {stage.context}"
    lines = [f"{indent}{'└─' if last else '├─'} {stage.name:<12} {stage.id[:12]}{note}"]
    if again:
        return lines
    below = [plan.stage(name) for name in stage.needs]
    deeper = indent + ("   " if last else "│  ")
    for index, child in enumerate(below):
        lines += _branch(plan, child, deeper, index == len(below) - 1, seen)
    return lines
