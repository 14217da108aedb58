"""The vocabulary of verdicts. Only `PASSED` counts as passed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from imagekit.checks.scap.model import Scan


class Outcome(StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"
    SKIPPED = "skipped"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check of one layer; `seconds` is wall time of the call phase.

    A check that only warns names the `ticket`, the day `expires` (ISO date) from which it is required again, and
    perhaps the `owner` who looks after it; one that somebody muted names that person. `suites` are the sets of checks
    that it is in. `attempts` are what the node wanted outside of its fixture network while it ran, in vain.
    """

    id: str
    layer: str
    title: str
    outcome: Outcome
    seconds: float
    required: bool = True
    message: str = ""
    details: str = ""
    runbook: str = ""
    ticket: str = ""
    expires: str = ""
    owner: str = ""
    muted_by: str = ""
    suites: tuple[str, ...] = ()
    attempts: tuple[str, ...] = ()

    @property
    def muted(self) -> str:
        """Until when, and by which ticket, this check only warns; empty for a required one."""
        if self.required:
            return ""
        by = f"muted by {self.muted_by}" if self.muted_by else "warns only"
        return f"{by} until {self.expires} ({self.ticket})"

    @property
    def caution(self) -> str:
        """What a report says of a check that does not block, in one line."""
        said = f"{self.layer} {self.outcome}: {self.title}, {self.muted}"
        return f"{said}: {self.message}" if self.message else said

    @property
    def blocks(self) -> bool:
        """Whether this check alone makes the verdict negative."""
        return self.required and self.outcome is not Outcome.PASSED


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """All checks that were expected of an image, in order; `suite_hash` names the check files that were run.

    `selection` says what was asked for where that was not all: then nothing is proven about the image. `scans` tell
    what OpenSCAP found, of which checks were made.
    """

    suite_hash: str
    checks: tuple[CheckResult, ...]
    seconds: float
    selection: str = ""
    scans: tuple[Scan, ...] = ()

    @property
    def passed(self) -> bool:
        """True when there is at least one check and every required one passed."""
        return bool(self.checks) and not self.blocking

    @property
    def blocking(self) -> tuple[CheckResult, ...]:
        """The required checks that did not pass."""
        return tuple(check for check in self.checks if check.blocks)

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        """The checks that did not pass and only warn."""
        return tuple(check for check in self.checks if not check.required and check.outcome is not Outcome.PASSED)

    @property
    def cautions(self) -> tuple[CheckResult, ...]:
        """What every report shows beside the verdict: each mute in force, then what did not pass and only warns."""
        shown = (
            check
            for check in self.checks
            if not check.required and (check.muted_by or check.outcome is not Outcome.PASSED)
        )
        return tuple(sorted(shown, key=lambda check: not check.muted_by))

    @property
    def said(self) -> str:
        """The counts in words; what only warns is said as such."""
        counted = ", ".join(f"{count} {outcome}" for outcome, count in self.counts.items() if count)
        return f"{counted} ({len(self.warnings)} of them warn only)" if self.warnings else counted

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """How many checks ended in which way; every outcome is a key."""
        counted = Counter(check.outcome for check in self.checks)
        return {outcome: counted[outcome] for outcome in Outcome}
