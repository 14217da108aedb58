"""A disk file as an OCI artifact that refers to the image it was made of.

One layer, the file (a raw disk packed with zstd, for most of it is zeros), and a manifest without times: the same disk
gives the same artifact. https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagekit.base.log import step
from imagekit.oci.manifest import EMPTY, MEDIA_TYPE_EMPTY, Descriptor, Manifest, image_manifest
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.referrers import attach

ARTIFACT_TYPE = "application/vnd.imagekit.artifact.v1"
TITLE = "org.opencontainers.image.title"  # the name that oras gives the file
IMAGE = "dev.imagekit.artifact.image"
FORMAT = "dev.imagekit.artifact.format"
SHA256 = "dev.imagekit.artifact.sha256"
MEDIA_TYPES = {
    "raw": "application/vnd.imagekit.artifact.raw+zstd",
    "qcow2": "application/vnd.imagekit.artifact.qcow2",
    "vmdk": "application/vnd.imagekit.artifact.vmdk",
    "ova": "application/vnd.imagekit.artifact.ova",
    "iso": "application/vnd.imagekit.artifact.iso",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFile:
    """What is pushed: `path` holds the bytes of the layer, `sha256` (hex) is that of the disk itself."""

    path: Path
    title: str
    form: str
    sha256: str


def disk_manifest(disk: DiskFile, blob: Descriptor, image: Descriptor) -> Manifest:
    """The manifest of a disk of an image; made of its arguments alone."""
    layer = Descriptor(
        media_type=MEDIA_TYPES[disk.form], digest=blob.digest, size=blob.size, annotations={TITLE: disk.title}
    )
    return image_manifest(
        config=Descriptor.of(EMPTY, MEDIA_TYPE_EMPTY),
        layers=(layer,),
        artifact_type=ARTIFACT_TYPE,
        subject=image,
        annotations={IMAGE: str(image.digest), FORMAT: disk.form, SHA256: disk.sha256},
    )


def push_disk_file(client: Registry, image: Reference, disk: DiskFile) -> Reference:
    """Push a disk beside the image `image` (by digest), which the repository must have; returns the artifact's name.

    What the repository has is not sent again. Raises `MissingObjectError` when the image is not there, and what
    `Registry` raises.
    """
    assert image.digest is not None
    subject = client.manifest(image.repository, image.digest).descriptor
    digest = Digest.of_file(disk.path)
    blob = Descriptor(media_type=MEDIA_TYPES[disk.form], digest=digest, size=disk.path.stat().st_size)
    manifest = disk_manifest(disk, blob, subject)
    with step(f"Pushing {disk.title} to {image.name}") as told:
        sent = client.put_blob(image.repository, BlobSource.of_bytes(EMPTY))
        sent += client.put_blob(image.repository, BlobSource.of_file(disk.path, digest))
        attach(client, image.repository, subject, manifest)
        told.note = f"{sent / 1e6:.1f} MB sent"
    return image.at(manifest.digest)
