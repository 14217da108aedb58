"""Reading an OCI image layout folder, as BuildKit leaves it.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from __future__ import annotations

from pathlib import Path

from imagekit.oci.manifest import MANIFEST_LIMIT, Manifest, parse_manifest
from imagekit.oci.reference import Digest
from imagekit.registry.blobs import BlobSource
from imagekit.registry.errors import DigestMismatchError, MissingObjectError


def layout_blob(layout: Path, digest: Digest) -> BlobSource:
    """A blob of a layout; raises `MissingObjectError` when it is not there."""
    return BlobSource.of_file(layout / "blobs" / "sha256" / digest.hex, digest)


def layout_manifest(layout: Path, digest: Digest) -> Manifest:
    """A manifest of a layout, hashed; raises `MissingObjectError`, `DigestMismatchError`, `MalformedError`."""
    path = layout / "blobs" / "sha256" / digest.hex
    try:
        with path.open("rb") as stream:
            raw = stream.read(MANIFEST_LIMIT + 1)
    except FileNotFoundError:
        raise MissingObjectError(
            f"{layout} has no manifest {digest}", hint="Build the image again; `imagekit build` writes the layout."
        ) from None
    if len(raw) <= MANIFEST_LIMIT and Digest.of(raw) != digest:
        raise DigestMismatchError(
            f"manifest {digest} in {layout} was altered: it hashes to {Digest.of(raw)}", hint="Build the image again."
        )
    return parse_manifest(raw, f"manifest {digest.short} in {layout}")
