"""A requirement on what expires in a digest (pure)."""

from __future__ import annotations

from imagekit.inventory.horizon import Standing, Thresholds, judge, line
from imagekit.trust.finding import Finding, Requirement, finding
from imagekit.trust.gate.policy import Certificates, span
from imagekit.trust.gate.view import View


def certificates(view: View, wanted: Certificates | None) -> list[Finding]:
    """Nothing of the image may end within the time that blocks; what warns is named in the reason."""
    if wanted is None:
        return []
    dated = view.evidence.dated
    if dated is None or dated.problem:
        why = dated.problem if dated is not None else "nobody looked"
        return [finding(Requirement.CERTIFICATES, False, f"could not be told: {why}")]
    judged = judge(dated.certificates, view.now, Thresholds(warn=span(wanted.warn), block=span(wanted.block)))
    blocking = [line(each, view.now) for each in judged if each.blocks]
    if blocking:
        more = f"; and {len(blocking) - 3} more" if len(blocking) > 3 else ""
        return [finding(Requirement.CERTIFICATES, False, "; ".join(blocking[:3]) + more)]
    warning = [line(each, view.now) for each in judged if each.standing is not Standing.GOOD]
    reported = f"none of {len(judged)} ends within {wanted.block}"
    return [finding(Requirement.CERTIFICATES, True, f"{reported}; {'; '.join(warning[:3])}" if warning else reported)]
