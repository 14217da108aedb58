"""What manifests are made of; nothing else decides what is rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imagekit.base.errors import RefusedError
from imagekit.fleet.fleet import Fleet
from imagekit.fleet.platform import Platform
from imagekit.oci.reference import Digest, Reference


class ProvisionError(RefusedError):
    """The fleet asks for what must not, or cannot, be rendered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """A digest that records of the ledger let into channels; `reference` is where nodes pull it from, by digest."""

    image: str
    version: str
    reference: Reference
    channels: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What is inside a digest, as `fleet/fleet.lock` holds it; `disks` maps a format to the bare hex SHA-256."""

    image: str
    version: str
    arch: str = "amd64"
    distribution: str = "other"
    distribution_version: str = ""
    k0s: str | None = None
    disks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """A fleet with all that its files refer to.

    `digests` is what each node is meant to run. `cloud_configs` are the merged documents by cluster and image,
    `public_keys` PEM texts by the platform's names. `yanked` gives the reason of each withdrawn digest, `blocked` that
    of each (channel, digest) which a channel was rolled back from.
    """

    fleet: Fleet
    digests: Mapping[str, Digest | None]
    vouched: Mapping[Digest, Vouched]
    releases: Mapping[Digest, Release]
    yanked: Mapping[Digest, str] = field(default_factory=dict)
    blocked: Mapping[tuple[str, Digest], str] = field(default_factory=dict)
    cloud_configs: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    public_keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def platform(self) -> Platform:
        """What all clusters have in common; raises `ProvisionError`."""
        if self.fleet.platform is None:
            raise ProvisionError(
                "no fleet file has `platform`", hint="It names the registries that count; see docs/provisioning.md."
            )
        return self.fleet.platform
