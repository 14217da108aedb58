"""How a lifecycle scenario ended: data that report, evidence and gate read."""

from __future__ import annotations

from dataclasses import dataclass

from imagekit.checks.outcome import Outcome
from imagekit.machine.interface import Start


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """One scenario of a node's life: its promise, how it ended, and what it cost.

    `seconds` is wall time, `budget` what it may take on this machine; `boots` counts starts of the node; `start`
    says whether its machines were booted first or continued a saved node, `detail` what happened when it did not pass.
    `limit` is set where the promise was not kept, for the node's framework is known not to keep it, and what it does
    keep was proven: then it warns only, and nobody who asks for the scenario has it.
    """

    name: str
    promise: str
    outcome: Outcome
    seconds: float
    budget: float
    boots: int = 0
    start: Start = Start.COLD
    detail: str = ""
    limit: str = ""

    @property
    def passed(self) -> bool:
        """Whether the promise was kept, in time."""
        return self.outcome is Outcome.PASSED

    @property
    def blocks(self) -> bool:
        """Whether this scenario alone makes the verdict negative."""
        return not self.passed and not self.limit

    @property
    def caution(self) -> str:
        """What a report says of one that met a limit, in one line."""
        return f"scenario {self.name} not kept, a limit of its framework: {self.limit}"
