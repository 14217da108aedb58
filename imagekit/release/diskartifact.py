"""A disk file as an OCI artifact that refers to the image it was made of.

One layer, the file (a raw disk packed with zstd, for most of it is zeros), and a manifest without times: the same disk
gives the same artifact. A signature over that manifest hangs at it. https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from imagekit.base.errors import RefusedError
from imagekit.base.log import step
from imagekit.oci.manifest import EMPTY, MEDIA_TYPE_EMPTY, Descriptor, Manifest, image_manifest
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.errors import MissingObjectError, VerificationError
from imagekit.registry.referrers import attach, attach_bundle, list_referrers
from imagekit.trust.evidence.statement import SIGNATURE_TYPE, signature_statement
from imagekit.trust.proof import read_proof
from imagekit.trust.sign.interface import Signer, Verifier

ARTIFACT_TYPE = "application/vnd.imagekit.disk.v1"
TITLE = "org.opencontainers.image.title"  # the name that oras gives the file
IMAGE = "dev.imagekit.disk.image"
FORMAT = "dev.imagekit.disk.format"
SHA256 = "dev.imagekit.disk.sha256"
MEDIA_TYPES = {
    "raw": "application/vnd.imagekit.disk.raw+zstd",
    "qcow2": "application/vnd.imagekit.disk.qcow2",
    "vmdk": "application/vnd.imagekit.disk.vmdk",
    "ova": "application/vnd.imagekit.disk.ova",
    "iso": "application/vnd.imagekit.disk.iso",
}

_MANIFEST = 64 << 10
_MOST = 1000  # manifests that say to be disks of one image


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


def push_disk_file(client: Registry, image: Reference, disk: DiskFile, signer: Signer, verifier: Verifier) -> Reference:
    """Push a disk beside the image `image` (by digest), which the repository must have, and sign it.

    What is signed is the artifact's manifest, and with it image, format and every byte, as images are signed: stock
    cosign verifies it. What the repository has is not sent again, and what is signed is not signed again. Returns the
    artifact's name. Raises `MissingObjectError` when the image is not there, `VerificationError` when the signature
    does not verify where it was put, and what `Registry` raises.
    """
    assert image.digest is not None
    subject = client.manifest(image.repository, image.digest).descriptor
    digest = Digest.of_file(disk.path)
    blob = Descriptor(media_type=MEDIA_TYPES[disk.form], digest=digest, size=disk.path.stat().st_size)
    manifest = disk_manifest(disk, blob, subject)
    with step(f"Pushing {disk.title} to {image.name}") as reported:
        sent = client.put_blob(image.repository, BlobSource.of_bytes(EMPTY))
        sent += client.put_blob(image.repository, BlobSource.of_file(disk.path, digest))
        attach(client, image.repository, subject, manifest)
        if not is_signed(client, image.repository, manifest.digest, verifier):
            said = signature_statement(manifest.digest, {IMAGE: str(image.digest), FORMAT: disk.form})
            bundle = signer.sign(said.stamped(datetime.now(UTC)))
            attach_bundle(client, image.repository, manifest.descriptor, bundle, predicate_type=SIGNATURE_TYPE)
        reported.note = f"{sent / 1e6:.1f} MB sent"
    if not is_signed(client, image.repository, manifest.digest, verifier):
        raise VerificationError(
            f"{image.name}@{manifest.digest} has no signature that verifies",
            hint="Does the public key belong to the signer? Otherwise run the same command again.",
        )
    return image.at(manifest.digest)


def is_signed(client: Registry, repository: str, digest: Digest, verifier: Verifier) -> bool:
    """Whether a trusted key signed a manifest."""
    return bool(read_proof(client, repository, digest, verifier).of_type(SIGNATURE_TYPE))


def disks_among(client: Registry, repository: str, image: Digest, entries: Sequence[Descriptor]) -> Iterator[Manifest]:
    """The manifests that say to be disks of an image; whether somebody vouches for them is another question.

    A list may lie about types, which hides a disk and adds none.
    """
    said = [entry for entry in entries if entry.artifact_type in (ARTIFACT_TYPE, "")]
    half = _MOST // 2
    for entry in said if len(said) <= _MOST else [*said[:half], *said[-half:]]:
        try:
            manifest = client.find_manifest(repository, entry.digest, limit=_MANIFEST)
        except RefusedError:
            continue
        about = manifest.subject.digest if manifest is not None and manifest.subject is not None else None
        if manifest is not None and manifest.artifact_type == ARTIFACT_TYPE and about == image:
            yield manifest


def find_disk(client: Registry, image: Reference, form: str, verifier: Verifier) -> Manifest:
    """The disk of an image (by digest) in a format that a trusted key signed.

    Anybody who may push can put another beside it: one that nobody trusted signed is refused. Raises
    `MissingObjectError` when there is no disk of that format, `VerificationError` when none is signed or several are.
    """
    assert image.digest is not None
    entries = list_referrers(client, image.repository, image.digest)
    found = list(disks_among(client, image.repository, image.digest, entries))
    named = [each for each in found if each.annotations.get(FORMAT) == form and _in_order(each, image.digest, form)]
    if not named:
        raise MissingObjectError(f"{image} has no disk {form}", hint="`imagekit disk --push` makes one.")
    signed = [each for each in named if is_signed(client, image.repository, each.digest, verifier)]
    if not signed:
        raise VerificationError(
            f"{image}: {len(named)} disks {form}, and no trusted key signed one of them", hint="Do not use them."
        )
    if len(signed) > 1:
        names = ", ".join(each.digest.short for each in signed)
        raise VerificationError(f"{image}: several disks {form} are signed: {names}", hint="Name one by its digest.")
    return signed[0]


def _in_order(manifest: Manifest, image: Digest, form: str) -> bool:
    layers = [blob.media_type for blob in manifest.blobs[1:]]
    return manifest.annotations.get(IMAGE) == str(image) and layers == [MEDIA_TYPES.get(form)]
