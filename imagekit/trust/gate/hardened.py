"""The requirement of a hardening score, by the controls in the test results that count (pure)."""

from __future__ import annotations

from collections.abc import Iterable

from imagekit.checks.hardening.score import score
from imagekit.trust.evidence.testrun import CheckRow
from imagekit.trust.finding import Finding, Requirement, finding
from imagekit.trust.gate.policy import HardeningScore


def hardening(rows: Iterable[CheckRow], wanted: HardeningScore | None) -> list[Finding]:
    """Nothing when none is asked for. A waived control has not passed, nor has one that nobody looked at.

    The controls are imagekit's own list: a result that leaves one out cannot raise its score.
    """
    if wanted is None:
        return []
    found = score(wanted.profile, ((row.id, row.outcome) for row in rows))
    said = f"{found.said}, at least {wanted.minimum:.0%} wanted"
    return [finding(Requirement.HARDENING, found.value >= wanted.minimum, said)]
