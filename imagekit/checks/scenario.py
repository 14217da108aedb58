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
    """

    name: str
    promise: str
    outcome: Outcome
    seconds: float
    budget: float
    boots: int = 0
    start: Start = Start.COLD
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether the promise was kept, in time."""
        return self.outcome is Outcome.PASSED
