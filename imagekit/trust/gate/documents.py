"""Requirements on what the builder signed: signature, bills of materials, provenance, framework."""

from __future__ import annotations

from collections.abc import Callable

from imagekit.trust.evidence.identity import claimed, mistaken
from imagekit.trust.evidence.provenance import Made, read_provenance
from imagekit.trust.evidence.sbom import listed_components
from imagekit.trust.evidence.spdx import listed_packages
from imagekit.trust.evidence.statement import (
    CYCLONEDX_TYPE,
    PROVENANCE_TYPE,
    SIGNATURE_TYPE,
    SPDX_TYPE,
    TEST_RESULT_TYPE,
    Statement,
)
from imagekit.trust.finding import Finding, Requirement, finding
from imagekit.trust.gate.policy import Provenance, SbomFormat, Signatures
from imagekit.trust.gate.view import Accepted, View
from imagekit.trust.sign.trustfile import Purpose

_SBOM: dict[SbomFormat, tuple[str, Callable[[Statement], int]]] = {
    SbomFormat.CYCLONEDX: (CYCLONEDX_TYPE, listed_components),
    SbomFormat.SPDX: (SPDX_TYPE, listed_packages),
}


def signature(view: View, wanted: Signatures) -> list[Finding]:
    """Statements of cosign's signature type: an attestation by the right key is not a signature."""
    found = view.of(SIGNATURE_TYPE, Purpose.BUILD)
    accepted = [item for item in found.accepted if not wanted.keys or item.key.id in wanted.keys]
    keys = sorted({item.key.id for item in accepted})
    sources = tuple(item.source for item in accepted)
    if len(keys) >= wanted.least:
        return [finding(Requirement.SIGNATURE, True, f"by {', '.join(keys)}", sources)]
    if not keys and found.accepted:
        others = ", ".join(sorted({item.key.id for item in found.accepted}))
        return [
            finding(Requirement.SIGNATURE, False, f"signed by {others}, the policy asks for {' or '.join(wanted.keys)}")
        ]
    if not keys:
        return [finding(Requirement.SIGNATURE, False, found.why_none("signature"))]
    return [
        finding(
            Requirement.SIGNATURE, False, f"signed by {len(keys)} key ({', '.join(keys)}), {wanted.least} are asked for"
        )
    ]


def identity(view: View) -> Finding:
    """The builder's evidence is about this image, not about another one with the same digest elsewhere."""
    kinds = (PROVENANCE_TYPE, TEST_RESULT_TYPE, SIGNATURE_TYPE)
    said = [item for kind in kinds for item in view.of(kind, Purpose.BUILD).accepted]
    wanted = view.evidence.identity
    wrong = mistaken((item.statement for item in said), wanted)
    if wrong:
        return finding(Requirement.IDENTITY, False, wrong)
    naming = [item for item in said if (one := claimed(item.statement)) is not None and one.image]
    if not naming:
        return finding(Requirement.IDENTITY, False, f"no evidence of the builder says that this is {wanted.image}")
    reported = " ".join(each for each in (wanted.image, wanted.version, wanted.arch) if each)
    return finding(
        Requirement.IDENTITY, True, f"the evidence is about {reported}", tuple(item.source for item in naming)
    )


def sbom(view: View, formats: tuple[SbomFormat, ...]) -> list[Finding]:
    """A bill of materials of each format that lists something."""
    return [_sbom(view, each) for each in formats]


def _sbom(view: View, wanted: SbomFormat) -> Finding:
    kind, count_of = _SBOM[wanted]
    found = view.of(kind, Purpose.BUILD)
    if not found.accepted:
        return finding(Requirement.SBOM, False, found.why_none(f"{wanted} bill of materials"), about=wanted)
    best = max(found.accepted, key=lambda item: count_of(item.statement))
    count = count_of(best.statement)
    if count == 0:
        return finding(Requirement.SBOM, False, "the bill of materials lists nothing", about=wanted)
    return finding(Requirement.SBOM, True, f"{count} packages listed", (best.source,), about=wanted)


def provenance(view: View, wanted: Provenance, *, embedded: bool) -> list[Finding]:
    """Who made the image of what; and whether it stands on the stand-in, where that must not be."""
    found = view.of(PROVENANCE_TYPE, Purpose.BUILD)
    read = [(item, read_provenance(item.statement)) for item in found.accepted]
    made = [(item, each) for item, each in read if each is not None]
    allowed = [(item, each) for item, each in made if not wanted.builders or each.builder in wanted.builders]
    findings = []
    if wanted.required:
        if allowed:
            findings.append(_made_by(allowed))
        elif made:
            stranger = f"made by {made[0][1].builder}, which the policy does not name"
            findings.append(finding(Requirement.PROVENANCE, False, stranger))
        elif read:
            findings.append(finding(Requirement.PROVENANCE, False, "the provenance does not say what SLSA v1 asks for"))
        else:
            findings.append(finding(Requirement.PROVENANCE, False, found.why_none("provenance")))
    if wanted.clean_source:
        findings.append(_clean([each for _, each in allowed]))
    if not embedded:
        findings.append(_framework([each for _, each in allowed]))
    return findings


def _made_by(made: list[tuple[Accepted, Made]]) -> Finding:
    item, each = made[-1]
    reason = f"plan {each.plan[:12]} of {each.image} by {each.builder}, source {each.revision[:12] or 'unknown'}"
    return finding(Requirement.PROVENANCE, True, reason, (item.source,))


def _clean(made: list[Made]) -> Finding:
    if not made:
        return finding(Requirement.SOURCE, False, "without provenance nobody knows what source the image was made from")
    # A plan's id is its content: what was built before it was committed is, under the same id, what the commit holds.
    committed = {each.plan for each in made if each.revision and not each.dirty}
    for each in made:
        if each.plan in committed:
            continue
        if not each.revision:
            return finding(Requirement.SOURCE, False, "the provenance names no commit")
        if each.dirty:
            return finding(
                Requirement.SOURCE, False, f"made from {each.revision[:12]} with changes that are in no commit"
            )
    named = [each.revision for each in made if each.revision and not each.dirty]
    return finding(Requirement.SOURCE, True, f"commit {named[-1][:12]}, nothing changed beside it")


def _framework(made: list[Made]) -> Finding:
    if not made:
        return finding(
            Requirement.FRAMEWORK, False, "without provenance nobody knows what framework the image stands on"
        )
    if any(each.embedded is not False for each in made):
        if any(each.embedded for each in made):
            return finding(Requirement.FRAMEWORK, False, "the image stands on the stand-in for Kairos")
        return finding(Requirement.FRAMEWORK, False, "the provenance does not say what framework the image stands on")
    return finding(Requirement.FRAMEWORK, True, "the image stands on kairos-init, not on the stand-in")
