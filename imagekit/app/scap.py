"""SCAP of a suite: scanner and content fetched for an image's release and packed, and the node judged with them.

Scanner and content are Debian packages of the mirror that the image's base is made from; they are unpacked here and
installed nowhere. Their versions are those that the archive has on the day: they are in every report.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from imagekit.app.scapbundle import BY_HAND, ContentMissingError, fetched, packed, versions
from imagekit.app.target import Target
from imagekit.base.files import sha256_of, write_whole
from imagekit.base.log import step
from imagekit.checks.named import NamedSuite
from imagekit.checks.scap.content import ScapContent
from imagekit.checks.scap.model import Evaluation, RuleResult, RuleWaiver, Scan, counted
from imagekit.checks.scap.scan import scan
from imagekit.checks.scap.xccdf import Answer, read_results
from imagekit.config.imagesfile import DistroBase
from imagekit.config.model import Family
from imagekit.machine.interface import Reached
from imagekit.plan.asks import distro_file

RESULTS, EVALUATION, _BROUGHT = "openscap-results.xml", "openscap.json", "openscap-brought.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What was packed for a node: the archive, and its packages with their versions, in words."""

    bundle: str
    scanner: str
    content: str


def bring(target: Target, suite: NamedSuite) -> Brought:
    """Fetch and pack what a suite scans this image with; within a run once.

    Raises `ContentMissingError` where the image's release has no content or the mirror does not have it, and
    `ConfigError` for a profile that the content has not.
    """
    kept = target.folder / _BROUGHT
    if kept.exists():
        return Brought(**json.loads(kept.read_text()))
    declared, release = content_for(target, suite)
    with step(f"Fetching OpenSCAP and {', '.join(declared.content)}") as reported:
        scanner = fetched(target.project, declared.scanner, release)
        content = fetched(target.project, declared.content, declared.content_from or release)
        bundle = packed(target.project, declared, scanner, content)
        brought = Brought(
            bundle=os.fspath(bundle),
            scanner=versions(scanner, declared.scanner),
            content=versions(content, declared.content),
        )
        reported.note = f"{brought.scanner}, {brought.content}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_whole(kept, json.dumps(asdict(brought)) + "\n")
    return brought


def content_for(target: Target, suite: NamedSuite) -> tuple[ScapContent, str]:
    """What a suite declares for the release of an image, and that release; raises `ContentMissingError`."""
    spec = target.spec
    known = suite.scap.get(spec.family, {})
    there = ", ".join(f"{release} ({each.datastream})" for release, each in known.items()) or "none"
    where = f"vm-harness/suites/{suite.name}.yaml, scap: {spec.family}"
    if spec.family is not Family.DEBIAN or not isinstance(spec.base, DistroBase):
        stands = "of family rhel" if spec.family is Family.RHEL else "on a base image"
        raise ContentMissingError(
            f"{target.name} is {stands}, for which imagekit brings no scanner and no SCAP content: nothing was judged",
            hint=f"Declared in {where}: {there}. {BY_HAND}",
        )
    release = distro_file(target.project).suite
    if release not in known:
        raise ContentMissingError(
            f"no SCAP content is declared for {spec.family} {release} of {target.name}: nothing was judged",
            hint=f"Looked for in {where}, which has: {there}. Declare packages and data stream there. {BY_HAND}",
        )
    return known[release], release


def judged(target: Target, suite: NamedSuite, node: Reached, folder: Path, *, pace: float) -> Path:
    """Scan a node; the scanner's results and what is made of them are kept in `folder`. Returns the latter's file.

    Raises what `bring`, `imagekit.checks.scap.scan.scan` and `imagekit.checks.scap.xccdf.read_results` raise.
    """
    brought, (declared, _) = bring(target, suite), content_for(target, suite)
    results = folder / RESULTS
    with step(f"Scanning the node by {declared.profile}") as reported:
        scan(node, Path(brought.bundle), declared.profile, results, pace=pace)
        answer, waived = read_results(results, declared.profile), _waived(target)
        found = Evaluation(
            scan=_scan(suite.name, declared.profile, brought, answer, results),
            rules=answer.rules,
            waived=waived,
            mistaken=tuple(sorted({each.rule for each in waived} - answer.known)),
        )
        reported.note = found.scan.short
    found.write(folder / EVALUATION)
    return folder / EVALUATION


def _scan(suite: str, profile: str, brought: Brought, answer: Answer, results: Path) -> Scan:
    return Scan(
        suite=suite,
        profile=profile,
        benchmark=answer.benchmark,
        content=brought.content,
        scanner=brought.scanner,
        results=sha256_of(results),
        counts=counted(answer.rules),
        not_applicable=tuple(rule.id for rule in answer.rules if rule.result is RuleResult.NOT_APPLICABLE),
    )


def _waived(target: Target) -> tuple[RuleWaiver, ...]:
    """The rules that a layer of the image waives."""
    every = (each for name in target.spec.layers for each in target.project.layers[name].hardening.waived)
    return tuple(RuleWaiver(rule=each.control, until=each.until, reason=each.reason) for each in every if each.is_rule)
