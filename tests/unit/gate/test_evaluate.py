"""The gate's answers: a good set passes, and each thing that may be wrong has its own sentence."""

from __future__ import annotations

from imagekit.gate.evaluate import evaluate
from imagekit.gate.model import Decision, Status
from tests.support.release import NOW, evidence, policy


def reasons(decision: Decision) -> dict[str, str]:
    return {finding.name: finding.reason for finding in decision.unsatisfied}


def test_good_set_passes() -> None:
    decision = evaluate(policy(), "prod", evidence(), NOW)
    assert reasons(decision) == {}
    assert decision.passed
    assert {finding.status for finding in decision.findings} == {Status.SATISFIED}
    assert len(decision.sources) == 8
