"""The gate itself: a pure function from policy, evidence and time to a decision that explains itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from imagekit.trust.gate.change import change
from imagekit.trust.gate.documents import identity, provenance, sbom, signature
from imagekit.trust.gate.expiring import certificates
from imagekit.trust.gate.model import Decision, Evidence
from imagekit.trust.gate.people import approvals, soak, waive, yank
from imagekit.trust.gate.policy import Policy
from imagekit.trust.gate.results import tests
from imagekit.trust.gate.view import View
from imagekit.trust.gate.vulnerable import vulnerabilities
from imagekit.trust.sign.trust import SKEW


def evaluate(
    policy: Policy,
    channel: str,
    evidence: Evidence,
    now: datetime,
    *,
    reference: str = "",
    skew: timedelta = SKEW,
) -> Decision:
    """Hold the evidence against what the policy asks for a channel (or ``publish``).

    Reads no clock, file or registry. Raises `ConfigError` when the policy does not know the channel.
    """
    wanted = policy.of(channel)
    view = View(evidence=evidence, channel=channel, now=now, skew=skew)
    findings = [
        yank(view),
        identity(view),
        *signature(view, wanted.signatures),
        *(tests(view, wanted.tests) if wanted.tests is not None else ()),
        *sbom(view, wanted.sbom),
        *provenance(view, wanted.provenance, embedded=wanted.embedded),
        *vulnerabilities(view, wanted.vulnerabilities),
        *certificates(view, wanted.certificates),
        *soak(view, wanted.soak),
        *approvals(view, wanted.approvals),
        *change(view, wanted.change),
    ]
    return Decision(
        reference=reference or str(evidence.digest),
        digest=evidence.digest,
        channel=channel,
        policy=policy.digest,
        at=now,
        change=evidence.change.record,
        findings=tuple(waive(view, findings, wanted.waivers)),
    )
