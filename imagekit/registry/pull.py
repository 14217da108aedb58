"""Fetching an image by digest into an OCI layout: every blob hashed on its way, whole under its name or not there."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from imagekit.base.log import step
from imagekit.base.space import space_for
from imagekit.oci.errors import MalformedError
from imagekit.oci.manifest import Descriptor
from imagekit.oci.reference import Digest
from imagekit.registry.blobs import Meter
from imagekit.registry.client import Registry


def pull_image(client: Registry, repository: str, digest: Digest, layout: Path) -> int:
    """Put one image manifest with its blobs into a layout folder; what is there is kept. Returns the bytes fetched.

    Raises `MalformedError` for an index, `NoSpaceError` for a full disk, and what `Registry` raises; then the manifest
    is not in the layout.
    """
    blobs = layout / "blobs" / "sha256"
    manifest = client.manifest(repository, digest)
    if manifest.children:
        raise MalformedError(f"{digest.short} is an index of {len(manifest.children)} images; name one of them")
    with step(f"Pulling {digest.short} of {client.address}/{repository}") as reported:
        wanted = {blob.digest: blob for blob in manifest.blobs}  # what is named twice is fetched once
        missing = [blob for blob in wanted.values() if not _there(blob, blobs)]
        with space_for(f"image {digest.short}", layout, sum(blob.size for blob in missing)):
            blobs.mkdir(parents=True, exist_ok=True)
            fetched = sum(_fetch(client, repository, blob, blobs) for blob in missing)
            _write(blobs / digest.hex, manifest.raw)
        reported.note = f"{fetched / 1e6:.1f} MB"
    return fetched


def _there(blob: Descriptor, blobs: Path) -> bool:
    """Whether a blob of an earlier pull is whole: hashed, as its size alone would keep a damaged one for ever."""
    path = blobs / blob.digest.hex
    return path.is_file() and path.stat().st_size == blob.size and Digest.of_file(path) == blob.digest


def _fetch(client: Registry, repository: str, blob: Descriptor, blobs: Path) -> int:
    path = blobs / blob.digest.hex
    meter = Meter(f"blob {blob.digest.short}", blob.size)
    with NamedTemporaryFile(dir=blobs, prefix=".part-", delete=False) as stream:
        try:
            for chunk in client.blob(repository, blob):
                stream.write(chunk)
                meter.add(len(chunk))
            stream.flush()
            # Not forced to the disk: whoever reads a layout hashes what it reads, and so does the next pull.
            Path(stream.name).replace(path)
        finally:
            with suppress(FileNotFoundError):
                Path(stream.name).unlink()
    return blob.size


def _write(path: Path, data: bytes) -> None:
    with NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as stream:
        try:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
            Path(stream.name).replace(path)
        finally:
            with suppress(FileNotFoundError):
                Path(stream.name).unlink()
