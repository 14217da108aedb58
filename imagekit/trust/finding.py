"""What was found of one requirement on a digest: the same for `imagekit verify`, the gate, promotion and audit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Requirement(StrEnum):
    """What is required of a digest. Decisions go by these; reports show them as the names of findings."""

    MANIFEST = "manifest"
    CONTENT = "content"
    IMAGES = "images"
    EVIDENCE = "evidence"
    YANK = "yank"
    IDENTITY = "identity"
    SIGNATURE = "signature"
    TESTS = "tests"
    BOOT_PATH = "boot-path"
    CHECK = "check"
    SUITE = "suite"
    HARDENING = "hardening"
    SCENARIO = "scenario"
    SBOM = "sbom"
    PROVENANCE = "provenance"
    SOURCE = "source"
    FRAMEWORK = "framework"
    VULNERABILITIES = "vulnerabilities"
    CERTIFICATES = "certificates"
    SOAK = "soak"
    APPROVALS = "approvals"
    CHANGE = "change"


class Status(StrEnum):
    """How one requirement stands."""

    SATISFIED = "satisfied"
    UNSATISFIED = "unsatisfied"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One requirement, how it stands, why, and which items were taken for it.

    `about` is which check, scenario, boot path or format; `image` the short digest of an image that an index serves,
    empty for what was named.
    """

    requirement: Requirement
    status: Status
    reason: str
    about: str = ""
    image: str = ""
    sources: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people read: ``signature``, ``check/base::ssh``, ``0123456789ab/tests`` of an image of an index."""
        return "/".join(filter(None, (self.image, self.requirement, self.about)))

    @property
    def satisfied(self) -> bool:
        """Whether it holds by itself, with nobody's waiver."""
        return self.status is Status.SATISFIED


def finding(
    requirement: Requirement, accepted: bool, reason: str, sources: tuple[str, ...] = (), *, about: str = ""
) -> Finding:
    """What was found by looking, which nobody has waived."""
    return Finding(
        requirement=requirement,
        status=Status.SATISFIED if accepted else Status.UNSATISFIED,
        reason=reason,
        about=about,
        sources=sources if accepted else (),
    )
