"""Which image the scenarios start from: a named reference, what a channel points at, or the image itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagekit.artifact.inventory import take_inventory
from imagekit.config.load import parse_file
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.errors import VerificationError
from imagekit.registry.pull import pull_image
from imagekit.release.channel.model import ChannelFile
from imagekit.scenarios.variants import RELEASE, version_in
from imagekit.trust.sign.interface import Verifier
from imagekit.trust.verify import verify_image


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The image that is installed before the upgrades; `said` tells where it was taken from."""

    layout: Path
    digest: Digest
    version: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """What a channel file says of one image."""

    channel: str
    reference: Reference


def itself(layout: Path, digest: Digest, version: str) -> Start:
    """The image under test, installed; upgrades go to variants of it."""
    return Start(layout=layout, digest=digest, version=version, said="the image itself; no channel points at another")


def pointers(folder: Path, image: str, channels: Sequence[str]) -> Iterator[Pointer]:
    """What the files of these channels below `folder` say of an image, in their order; raises `ConfigError`."""
    for channel in channels:
        path = folder / f"{channel}.yaml"
        found = parse_file(ChannelFile, path).images.get(image) if path.exists() else None
        if found is not None:
            yield Pointer(channel=channel, reference=Reference.parse(found.reference))


def pulled(reference: Reference, client: Registry, verifier: Verifier, into: Path, *, said: str) -> Start:
    """A published image, verified as a consumer would and fetched; raises `VerificationError`."""
    found = verify_image(reference, client, verifier, content=False)
    if not found.passed or found.digest is None:
        reasons = "; ".join(f"{item.name}: {item.reason}" for item in found.unsatisfied)
        raise VerificationError(f"{reference} does not verify, so no node starts from it: {reasons}")
    layout = into / found.digest.hex
    pull_image(client, reference.repository, found.digest, layout)
    version = version_in(take_inventory(layout, found.digest).text(RELEASE))
    return Start(layout=layout, digest=found.digest, version=version, said=f"{said}: {reference.at(found.digest)}")
