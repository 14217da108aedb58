"""Requirements on known vulnerabilities, by the signed bill of materials and advisories of a known age (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from imagekit.cve.match import scan
from imagekit.cve.model import Advisories, Scan, State
from imagekit.cve.sbom import packages_of_sbom
from imagekit.cve.vex import Statement
from imagekit.trust.evidence.statement import CYCLONEDX_TYPE
from imagekit.trust.finding import Finding, Requirement, finding
from imagekit.trust.gate.model import Scanned
from imagekit.trust.gate.policy import Vulnerabilities, span
from imagekit.trust.gate.view import View, shown
from imagekit.trust.sign.trustfile import Purpose

_GRAVE = {"high", "critical"}


def scan_evidence(view: View, load: Callable[[str], Advisories], vex: Sequence[Statement]) -> Scanned:
    """Hold the bill of materials that counts against the advisories of its distribution; raises what `load` raises."""
    found = view.of(CYCLONEDX_TYPE, Purpose.BUILD)
    if not found.accepted:
        return Scanned(problem=found.why_none("cyclonedx bill of materials"))
    best = found.accepted[-1]
    packages = packages_of_sbom(best.statement.predicate)
    distro = max({each.distro for each in packages}, key=lambda name: sum(each.distro == name for each in packages))
    return Scanned(scan=scan(packages, load(distro), vex), source=best.source)


def vulnerabilities(view: View, wanted: Vulnerabilities | None) -> list[Finding]:
    """What the policy allows of each kind; nothing known is never the same as nothing there."""
    if wanted is None:
        return []
    scanned = view.evidence.scanned
    if scanned is None or scanned.scan is None:
        why = scanned.problem if scanned is not None else "nobody looked"
        return [finding(Requirement.VULNERABILITIES, False, f"could not be told: {why}")]
    found = scanned.scan
    if reported := too_old(found, wanted, view.now):
        return [finding(Requirement.VULNERABILITIES, False, reported)]
    problems = over(found, wanted)
    counted = ", ".join(f"{len(found.of(state))} {state.value}" for state in State)
    if problems:
        return [finding(Requirement.VULNERABILITIES, False, f"{'; '.join(problems)} ({counted})")]
    reported = f"{counted}, in {found.packages} packages, by data {shown(view.now - found.as_of)} old"
    return [finding(Requirement.VULNERABILITIES, True, reported, (scanned.source,) if scanned.source else ())]


def too_old(found: Scan, wanted: Vulnerabilities, now: datetime) -> str:
    """Why a scan tells nothing any more; empty while its data are young enough."""
    age = now - found.as_of
    if age <= span(wanted.data_age):
        return ""
    return f"could not be told: the advisories are {shown(age)} old, {wanted.data_age} are allowed"


def over(found: Scan, wanted: Vulnerabilities) -> list[str]:
    """Every number that is higher than allowed, with the first that make it so."""
    return list(_over(found, wanted))


def _over(found: Scan, wanted: Vulnerabilities) -> Iterator[str]:
    counts = [each for each in found.found if each.state.counts]
    kinds = (
        ("with a fix", wanted.fixable, [each for each in counts if each.state is State.FIXABLE]),
        ("without a fix", wanted.unfixed, [each for each in counts if each.state is State.UNFIXED]),
        ("that nobody has looked at", wanted.undetermined, [e for e in counts if e.state is State.UNDETERMINED]),
        ("of high urgency", wanted.grave, [each for each in counts if each.urgency in _GRAVE]),
    )
    for what, most, those in kinds:
        if most is not None and len(those) > most:
            named = ", ".join(dict.fromkeys(each.cve for each in those[:3]))
            yield f"{len(those)} {what}, at most {most} allowed: {named}{' ...' if len(those) > 3 else ''}"
