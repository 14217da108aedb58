"""trust.yaml: whose signatures count, for what, and when."""

from __future__ import annotations

from enum import StrEnum
from itertools import combinations
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from imagekit.config.model import Frozen, Name, ProjectPath
from imagekit.trust.sign.person import is_named

Person = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class Purpose(StrEnum):
    """What the signatures of a key count for."""

    BUILD = "build"
    PROMOTE = "promote"
    APPROVE = "approve"
    WAIVE = "waive"


class Runner(StrEnum):
    """Whose machine the job ran on, as GitHub tells it."""

    GITHUB_HOSTED = "github-hosted"
    SELF_HOSTED = "self-hosted"


class Keyless(Frozen):
    """A workflow or person by the certificate that Fulcio gave.

    For a workflow the identity is that of the file whose job signed, which is another repository's where a reusable
    workflow was called: everybody who may call it has the same identity. Who called it is the source repository.
    https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
    """

    issuer: Annotated[str, StringConstraints(pattern=r"^https://[^\s]+$")] = Field(
        description="OIDC issuer, as it stands in the certificate"
    )
    identity: Annotated[str, StringConstraints(min_length=3, max_length=400)] = Field(
        description="subject of the certificate, exactly: a workflow with its ref, or a mail address"
    )
    source_repository: Annotated[str, StringConstraints(pattern=r"^https://[^\s@?#]+[^\s@?#/]$")] | None = Field(
        None, description="repository whose run signed, e.g. https://github.com/OWNER/NAME; needed for a workflow"
    )
    source_repository_id: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")] | None = Field(
        None, description="number of that repository, which a new one of the same name does not have"
    )
    source_ref: Annotated[str, StringConstraints(pattern=r"^refs/[^\s]+$")] | None = Field(
        None, description="branch or tag that the run was for, e.g. refs/heads/main"
    )
    environment: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = Field(
        None, description="deployment environment of the job, e.g. prod"
    )
    runner: Runner | None = Field(None, description="whose machine the job ran on")

    @model_validator(mode="after")
    def _bound(self) -> Self:
        if "://" in self.identity and self.source_repository is None:
            raise ValueError(
                "a workflow without source_repository would be trusted whoever calls it;"
                " add source_repository: https://github.com/OWNER/REPOSITORY of the repository whose runs sign"
            )
        return self

    @property
    def bounds(self) -> dict[str, str]:
        """What the certificate must say beside issuer and identity."""
        found: dict[str, str] = self.model_dump(mode="json", exclude={"issuer", "identity"}, exclude_none=True)
        return found

    @property
    def any_branch(self) -> bool:
        """Whether a run of any branch of the source repository has this identity.

        The ref in a workflow's identity is that of the file, which the caller writes after `uses:`; so whoever may push
        some branch can call the trusted file from there.
        """
        return "://" in self.identity and self.source_ref is None and self.environment is None

    def overlaps(self, other: Keyless) -> bool:
        """Whether one certificate could be taken for both."""
        if (self.issuer, self.identity) != (other.issuer, other.identity):
            return False
        ours, theirs = self.bounds, other.bounds
        return all(ours[name] == theirs[name] for name in ours.keys() & theirs.keys())


class TrustedKey(Frozen):
    """One key or identity. Its signatures count for its purposes and channels, inside its window."""

    id: Name = Field(description="what it is called, here and in reports")
    public_key: ProjectPath | None = Field(None, description="PEM file of the project")
    pem: str | None = Field(None, description="the PEM text itself")
    keyless: Keyless | None = Field(None, description="instead of a key: who a certificate must name")
    purposes: tuple[Purpose, ...] = Field(min_length=1, description="what its signatures count for")
    channels: tuple[Name, ...] = Field(
        (), description="channels it counts for, and `publish` for version tags; default: all"
    )
    person: Person | None = Field(None, description="who holds it; needed to approve and to waive")
    not_before: AwareDatetime | None = Field(None, description="what was signed before does not count")
    not_after: AwareDatetime | None = Field(None, description="what was signed after does not count")
    revoked: str | None = Field(None, description="why nothing that it ever signed counts any more")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(kind is not None for kind in (self.public_key, self.pem, self.keyless)) != 1:
            raise ValueError("exactly one of public_key, pem and keyless must be given")
        if self.not_before and self.not_after and self.not_before >= self.not_after:
            raise ValueError("not_before must be earlier than not_after")
        if {Purpose.APPROVE, Purpose.WAIVE} & set(self.purposes) and self.person is None:
            raise ValueError("a key that approves or waives must name its person")
        if self.person is not None and not is_named(self.person):
            raise ValueError("the person has no letter that anybody sees")
        return self

    @property
    def dated(self) -> bool:
        """Whether it counts only for a time."""
        return self.not_before is not None or self.not_after is not None

    def serves(self, channel: str | None) -> bool:
        """Whether it counts for a channel."""
        return channel is None or not self.channels or channel in self.channels


class TrustFile(Frozen):
    """trust.yaml"""

    version: Literal[1] = Field(description="version of this file format")
    keys: tuple[TrustedKey, ...] = Field(min_length=1, description="the keys and identities whose signatures count")
    trusted_root: ProjectPath | None = Field(
        None, description="sigstore trusted root (JSON) for keyless bundles; default: the public one in sigstore-python"
    )

    @model_validator(mode="after")
    def _unique(self) -> Self:
        ids = [key.id for key in self.keys]
        twice = sorted({each for each in ids if ids.count(each) > 1})
        if twice:
            raise ValueError(f"the id {twice[0]} is given twice")
        for one, other in combinations(self.keys, 2):
            if one.keyless is not None and other.keyless is not None and one.keyless.overlaps(other.keyless):
                raise ValueError(f"one certificate could be taken for both {one.id} and {other.id}")
        return self
