"""What of all that refers to an image is ours: evidence that trusted keys signed about it, and disks that they signed.

Anybody who may push can attach anything. What is copied with an image, and what is removed with it, is chosen here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from imagekit.oci.reference import Digest
from imagekit.registry.client import Registry
from imagekit.registry.referrers import list_referrers
from imagekit.release.diskartifact import disks_among
from imagekit.trust.proof import read_bundles

# Whether a bundle is a statement about a digest that counts.
Vouches = Callable[[bytes, Digest], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Referrers:
    """What refers to an image: `evidence` about it, and `disks` with the evidence about each; `strangers` are no more
    than counted."""

    image: Digest
    evidence: tuple[Digest, ...]
    disks: tuple[tuple[Digest, tuple[Digest, ...]], ...]
    strangers: int

    @property
    def ours(self) -> tuple[Digest, ...]:
        """Every manifest of ours."""
        return (*self.evidence, *(each for disk, evidence in self.disks for each in (disk, *evidence)))

    @property
    def subjects(self) -> tuple[Digest, ...]:
        """Everything that has a list of what refers to it."""
        return (self.image, *(disk for disk, _ in self.disks))

    @property
    def attached(self) -> tuple[tuple[Digest, tuple[Digest, ...]], ...]:
        """Every subject with what of ours refers to it, the image first."""
        return ((self.image, (*self.evidence, *(disk for disk, _ in self.disks))), *self.disks)


def vouched_referrers(client: Registry, repository: str, digest: Digest, vouches: Vouches) -> Referrers:
    """Sort what refers to an image by whether somebody trusted vouches for it.

    Raises `MalformedError` when the list cannot be read, and what `Registry` raises.
    """
    evidence = _evidence(client, repository, digest, vouches)
    entries = list_referrers(client, repository, digest)
    disks = []
    for each in disks_among(client, repository, digest, entries):
        signatures = _evidence(client, repository, each.digest, vouches)
        disks += [(each.digest, signatures)] if signatures else []
    ours = {*evidence, *(disk for disk, _ in disks)}
    strangers = len({entry.digest for entry in entries} - ours)
    return Referrers(image=digest, evidence=evidence, disks=tuple(disks), strangers=strangers)


def _evidence(client: Registry, repository: str, digest: Digest, vouches: Vouches) -> tuple[Digest, ...]:
    found = read_bundles(client, repository, digest)
    return tuple(dict.fromkeys(each.referrer for each in found if not each.problem and vouches(each.bundle, digest)))
