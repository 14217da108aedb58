"""The vocabulary of verdicts. Only `PASSED` counts as passed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"
    SKIPPED = "skipped"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check of one layer; `seconds` is wall time of the call phase."""

    id: str
    layer: str
    title: str
    outcome: Outcome
    seconds: float
    required: bool = True
    message: str = ""
    details: str = ""
    runbook: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """All checks that were expected of an image, in order; `suite_hash` names the check files that were run."""

    suite_hash: str
    checks: tuple[CheckResult, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """True when there is at least one check and every required one passed."""
        return bool(self.checks) and all(
            check.outcome is Outcome.PASSED for check in self.checks if check.required
        )
