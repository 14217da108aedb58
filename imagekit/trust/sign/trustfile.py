"""trust.yaml: whose signatures count, for what, and when."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from imagekit.config.model import Frozen, Name, ProjectPath

Person = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class Purpose(StrEnum):
    """What the signatures of a key count for."""

    BUILD = "build"
    PROMOTE = "promote"
    APPROVE = "approve"
    WAIVE = "waive"


class Keyless(Frozen):
    """A workflow or person by the certificate that Fulcio gave."""

    issuer: Annotated[str, StringConstraints(pattern=r"^https://[^\s]+$")] = Field(
        description="OIDC issuer, as it stands in the certificate"
    )
    identity: Annotated[str, StringConstraints(min_length=3, max_length=400)] = Field(
        description="subject of the certificate, exactly: a workflow with its ref, or a mail address"
    )


class TrustedKey(Frozen):
    """One key or identity. Its signatures count for its purposes and channels, inside its window."""

    id: Name
    public_key: ProjectPath | None = Field(None, description="PEM file of the project")
    pem: str | None = Field(None, description="the PEM text itself")
    keyless: Keyless | None = Field(None, description="instead of a key: who a certificate must name")
    purposes: tuple[Purpose, ...] = Field(min_length=1)
    channels: tuple[Name, ...] = Field((), description="channels it counts for; default: all")
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
    keys: tuple[TrustedKey, ...] = Field(min_length=1)
    trusted_root: ProjectPath | None = Field(
        None, description="sigstore trusted root (JSON) for keyless bundles; default: the public one in sigstore-python"
    )

    @model_validator(mode="after")
    def _unique(self) -> Self:
        ids = [key.id for key in self.keys]
        twice = sorted({each for each in ids if ids.count(each) > 1})
        if twice:
            raise ValueError(f"the id {twice[0]} is given twice")
        return self
