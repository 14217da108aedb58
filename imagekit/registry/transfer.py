"""Putting an image into a repository by digest: missing blobs, then manifests from the leaves up, then read back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imagekit.base.log import progress
from imagekit.oci.errors import MalformedError
from imagekit.oci.manifest import DEPTH, Descriptor, Manifest, require_finite
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.errors import VerificationError
from imagekit.registry.layout import layout_blob, layout_manifest
from imagekit.registry.referrers import attach

logger = logging.getLogger(__name__)

OpenBlob = Callable[[Descriptor], BlobSource]
OpenManifest = Callable[[Digest], Manifest]


@dataclass(frozen=True, slots=True)
class Pushed:
    """An image that a repository has; `sent_bytes` counts blob content sent over the network."""

    reference: Reference
    digest: Digest
    sent_bytes: int


def push_image(
    layout: Path, digest: Digest, reference: Reference, client: Registry, *, mount_from: str | None = None
) -> Pushed:
    """Push an image of a layout by digest, without a tag; what the repository has is not sent again.

    Blobs come by mount from the repository `mount_from` of the same registry where it has them.
    Raises `DigestMismatchError`, `MissingObjectError` for a damaged layout, and what `Registry` raises.
    """
    transfer = _Transfer(
        client=client,
        repository=reference.repository,
        open_manifest=lambda child: layout_manifest(layout, child),
        open_blob=lambda blob: _of_size(layout_blob(layout, blob.digest), blob),
        mount_from=mount_from,
    )
    return Pushed(reference.at(digest), digest, transfer.send(layout_manifest(layout, digest)))


def copy_image(
    source: Reference,
    digest: Digest,
    target: Reference,
    origin: Registry,
    client: Registry,
    *,
    attached: Iterable[tuple[Digest, Sequence[Digest]]] = (),
) -> Pushed:
    """Copy an image byte for byte to another repository; tags are not copied.

    Of what refers to it only `attached` is copied: subjects, each with manifests that refer to it. Whoever calls has
    found somebody trusted to vouch for these. Within one registry blobs are mounted; otherwise they are streamed and
    hashed on the way.
    """
    same = origin.address == client.address
    transfer = _Transfer(
        client=client,
        repository=target.repository,
        open_manifest=lambda child: origin.manifest(source.repository, child),
        open_blob=lambda blob: _remote_blob(origin, source.repository, blob),
        mount_from=source.repository if same else None,
    )
    sent = transfer.send(origin.manifest(source.repository, digest))
    for subject, referrers in attached:
        about = origin.manifest(source.repository, subject).descriptor
        for each in referrers:
            manifest = origin.manifest(source.repository, each)
            sent += transfer.send(manifest)
            attach(client, target.repository, about, manifest)
    return Pushed(target.at(digest), digest, sent)


@dataclass(slots=True, kw_only=True)
class _Transfer:
    """One image on its way into a repository; a manifest that is named twice goes once."""

    client: Registry
    repository: str
    open_manifest: OpenManifest
    open_blob: OpenBlob
    mount_from: str | None
    seen: set[Digest] = field(default_factory=set)

    def send(self, manifest: Manifest, depth: int = DEPTH) -> int:
        """Blobs and children first, the manifest after them; then it is read back and compared."""
        self.seen.add(manifest.digest)
        require_finite(manifest.digest, len(self.seen), depth)
        sent = 0
        for child in manifest.children:
            if child.digest not in self.seen:
                sent += self.send(self.open_manifest(child.digest), depth - 1)
        for number, blob in enumerate(manifest.blobs, 1):
            progress(f"blob {number} of {len(manifest.blobs)}: {blob.digest.short}, {blob.size >> 20} MiB")
            sent += self.client.put_blob(self.repository, self.open_blob(blob), mount_from=self.mount_from)
        self.client.put_manifest(self.repository, manifest)
        _read_back(self.client, self.repository, manifest)
        return sent


def _read_back(client: Registry, repository: str, manifest: Manifest) -> None:
    """The registry must give the very bytes, and say that it has every blob they name."""
    client.manifest(repository, manifest.digest)
    for blob in manifest.blobs:
        if not client.has_blob(repository, blob.digest):
            raise VerificationError(
                f"registry {client.address} took blob {blob.digest} of {repository} and does not have it",
                hint="Run the same command again; when it stays so, look into the registry's log and storage.",
            )


def _of_size(source: BlobSource, blob: Descriptor) -> BlobSource:
    if source.size != blob.size:
        raise MalformedError(
            f"{source.where} has {source.size} bytes, the manifest says {blob.size}", hint="Build the image again."
        )
    return source


def _remote_blob(origin: Registry, repository: str, blob: Descriptor) -> BlobSource:
    return BlobSource(
        digest=blob.digest,
        size=blob.size,
        where=f"blob {blob.digest.short} of {origin.address}/{repository}",
        open_at=lambda offset: origin.blob(repository, blob),
    )
