"""Carrying out a retention plan: recorded first, then the image is removed with all that refers to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagekit.base.errors import ToolError
from imagekit.base.log import step
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.lock import locked
from imagekit.registry.referrers import fallback_tag, list_referrers
from imagekit.release.channel.desk import Desk, Signed
from imagekit.release.channel.point import message_of
from imagekit.release.channel.retention import Fate, Version
from imagekit.release.ledger.record import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """A version that is gone from one repository, and the record that says so."""

    version: Version
    signed: Signed


def retire(desk: Desk, image: str, fates: Sequence[Fate]) -> list[Retired]:
    """Remove every version that the plan does not keep, one after another; blobs go with the registry's own GC.

    Raises `ToolError` where the registry does not delete, and what the ledger and the registry raise; what was removed
    until then is recorded.
    """
    return [_one(desk, image, fate) for fate in fates if not fate.keep]


def _one(desk: Desk, image: str, fate: Fate) -> Retired:
    version = fate.version
    target = version.reference.at(version.digest)
    with (
        desk.store.locked(),
        desk.registry(target.registry) as client,
        locked(client, target.repository, desk.locks),
    ):
        signed = desk.record(
            desk.chain(), Action.RETIRE, target, image=image, version=str(version.reference.tag), reason=fate.why
        )
        desk.write(signed, None, message_of(signed.record))
        with step(f"Removing {version.reference}"):
            _remove(client, version.reference, version.digest)
    return Retired(version=version, signed=signed)


def _remove(client: Registry, reference: Reference, digest: Digest) -> None:
    """The image first, so that at no moment an image is there without its evidence."""
    referrers = [entry.digest for entry in list_referrers(client, reference.repository, digest)]
    index = client.resolve(reference.tagged(fallback_tag(digest)))
    for gone in [digest, *referrers, *([index] if index is not None else [])]:
        if not client.delete_manifest(reference.repository, gone):
            raise ToolError(
                f"registry {client.address} does not delete manifests; {reference} is still there",
                hint="Allow deletion in the registry (distribution: storage.delete.enabled), or use its own retention.",
            )
