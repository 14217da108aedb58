"""Pushing a written disk to where its image is published."""

from __future__ import annotations

import tempfile
from pathlib import Path

from imagekit.app.disks import DiskSource
from imagekit.app.release import registry_client
from imagekit.artifact.formats import DiskFormat, checksum_path
from imagekit.base.errors import RefusedError
from imagekit.base.log import step
from imagekit.config.load import Project
from imagekit.oci.reference import Reference
from imagekit.registry.lock import locked
from imagekit.release.diskartifact import DiskFile, push_disk_file

_CHUNK = 1 << 20
_LEVEL = 3


class NotPublishedError(RefusedError):
    """The image of a disk is not in its repository, so nothing can refer to it there."""


def push_disk(project: Project, source: DiskSource, form: DiskFormat, path: Path) -> Reference:
    """Push a disk file, which has its checksum beside it, and sign it; returns the artifact by digest.

    Raises `NotPublishedError` when the image is not published, and what `push_disk_file` raises.
    """
    from imagekit.app.trusted import publish_verifier, signer_of
    from imagekit.registry.errors import MissingObjectError
    from imagekit.trust.gate.policy import PUBLISH
    from imagekit.trust.sign.checked import CheckedSigner
    from imagekit.trust.sign.trustfile import Purpose

    key = signer_of(project, Purpose.BUILD, channels=[PUBLISH])  # first: it makes the project's own
    verifier = publish_verifier(project)
    signer = CheckedSigner(key, verifier)
    digest = checksum_path(path).read_text().split()[0]
    with (
        tempfile.TemporaryDirectory(dir=path.parent, prefix=".imagekit-push-") as scratch,
        registry_client(project, source.published.registry) as client,
    ):
        if client.resolve(source.published) is None:
            raise NotPublishedError(
                f"{source.published} is not in the registry, so a disk cannot refer to it",
                hint=f"Run `imagekit run {source.name}` first, which tests and publishes it.",
            )
        layer, title = path, path.name
        if form is DiskFormat.RAW:
            layer, title = Path(scratch) / "disk.zst", f"{path.name}.zst"
            with step(f"Packing {path.name}"):
                pack(path, layer)
        disk = DiskFile(path=layer, title=title, form=form.value, sha256=digest)
        try:
            with locked(client, source.published.repository, project.work / "locks"):
                return push_disk_file(client, source.published, disk, signer, verifier)
        except MissingObjectError as error:
            raise NotPublishedError(str(error)) from error


def pack(raw: Path, target: Path) -> None:
    """Pack a raw disk with zstd; the same bytes in give the same bytes out."""
    import zstandard

    packer = zstandard.ZstdCompressor(level=_LEVEL)
    with raw.open("rb") as reading, target.open("xb") as writing:
        packer.copy_stream(reading, writing, size=raw.stat().st_size, read_size=_CHUNK, write_size=_CHUNK)
