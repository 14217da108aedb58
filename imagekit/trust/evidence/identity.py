"""Which image evidence speaks of, beside its digest: name, architecture and version.

A digest and all that is said of it can be copied into another image's repository; every signature holds there. What was
built says its name in its provenance and test results, so it is taken for no other image.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from imagekit.trust.evidence.provenance import read_provenance
from imagekit.trust.evidence.statement import PROVENANCE_TYPE, SIGNATURE_TYPE, TEST_RESULT_TYPE, Statement

IMAGE_ANNOTATION = "image"  # of the signature's subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An image as somebody names it; what is not told is empty."""

    image: str = ""
    arch: str = ""
    version: str = ""

    def differences(self, other: Identity) -> list[str]:
        """What both tell, and tell differently."""
        pairs = [
            ("image", self.image, other.image),
            ("architecture", self.arch, other.arch),
            ("version", self.version, other.version),
        ]
        return [f"{what} {one[:80]}, not {two[:80]}" for what, one, two in pairs if one and two and one != two]


def claimed(statement: Statement) -> Identity | None:
    """The image that a statement names; None for a statement of a kind that names none."""
    if statement.predicate_type == PROVENANCE_TYPE:
        made = read_provenance(statement)
        return Identity(image=made.image, arch=made.arch, version=made.version) if made is not None else None
    if statement.predicate_type == TEST_RESULT_TYPE:
        return Identity(image=_last(statement.name))
    if statement.predicate_type == SIGNATURE_TYPE:
        return Identity(image=statement.annotations.get(IMAGE_ANNOTATION, ""))
    return None


def mistaken(statements: Iterable[Statement], image: Identity) -> str:
    """Why evidence is about another image than `image`; empty when all that names one names this."""
    found = [(said, claimed(said)) for said in statements]
    for said, one in found:
        if one is not None and (wrong := one.differences(image)):
            return f"{said.predicate_type} is about {'; '.join(wrong)}"
    return ""


def _last(name: str) -> str:
    """The image in a name that may be a whole reference, as cosign writes it."""
    return name.rpartition("/")[2].partition("@")[0].partition(":")[0]
