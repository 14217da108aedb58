"""What all clusters of a fleet have in common: where Flux reads, which registries and keys count."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from imagekit.config.model import Frozen, Name

Interval = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,4}[smh]$")]
# A prefix of references; it ends in a slash, for registry.bank.example would let registry.bank.example.evil in.
RegistryPrefix = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(:[0-9]{1,5})?/([a-z0-9._-]+/)*$")]


class GitSource(Frozen):
    """The repository with the rendered tree."""

    url: Annotated[str, StringConstraints(pattern=r"^(https|ssh)://[^\s@?#]*(@[^\s?#]+)?$")]
    branch: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")] = "main"
    path: Annotated[str, StringConstraints(pattern=r"^\./([a-z0-9._-]+/?)*$")] = Field(
        "./provision", description="the rendered tree in the repository"
    )
    secret: Name | None = Field(None, description="Secret with the credentials, in Flux's namespace")
    signers: Name | None = Field(
        None, description="Secret with the public keys whose signature the branch's last commit must carry"
    )


class OciSource(Frozen):
    """The rendered tree as a signed artifact, instead of Git."""

    url: Annotated[str, StringConstraints(pattern=r"^oci://[a-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9._-]+)+$")]
    digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")] | None = Field(
        None, description="the one artifact that is taken; default: the tag `fleet`"
    )
    keys: Name = Field("cosign-keys", description="Secret with cosign public keys (*.pub), in Flux's namespace")
    secret: Name | None = Field(None, description="Secret with the registry's credentials")


class Keyless(Frozen):
    """An identity that signs without a key, by a certificate of Fulcio."""

    issuer: Annotated[str, StringConstraints(pattern=r"^https://[^\s]+$")]
    subject: Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Platform(Frozen):
    """What is the same for all clusters."""

    namespace: Name = Field("fleet", description="namespace of all objects of the fleet")
    flux_namespace: Name = "flux-system"
    git: GitSource | None = None
    oci: OciSource | None = None
    interval: Interval = Field("5m", description="how often Flux looks")
    timeout: Interval = Field("30m", description="how long Flux waits for machines to become ready")
    registries: tuple[RegistryPrefix, ...] = Field(
        min_length=1, description="prefixes of references from which images may come, each ending in a slash"
    )
    public_keys: dict[Name, str] = Field(
        default_factory=dict, description="PEM files of the project whose signatures count in the cluster, by name"
    )
    keyless: tuple[Keyless, ...] = ()
    account: Name = Field("imagekit", description="the pipeline's ServiceAccount")
