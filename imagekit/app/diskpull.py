"""Taking a disk that was pushed beside its image, instead of writing one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from imagekit.app.disks import require_verified
from imagekit.app.release import registry_client
from imagekit.artifact.formats import DiskFormat, whole_file
from imagekit.base.log import step
from imagekit.config.load import Project
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.errors import DigestMismatchError
from imagekit.release.diskartifact import SHA256, find_disk

if TYPE_CHECKING:
    from imagekit.trust.sign.interface import Verifier

_CHUNK = 1 << 20


def pull_disk(
    project: Project, reference: Reference, form: DiskFormat, target: Path, *, verifier: Verifier | None = None
) -> Path:
    """Fetch the disk of a published image to the file `target`, with its checksum beside it; returns `target`.

    The image is verified as for a disk that is written here, and the disk's own signature by the same keys: one that a
    stranger put beside the image is refused. Every byte is hashed on the way. Raises `VerificationError`,
    `YankedError`, `MissingObjectError` where no such disk was pushed, and `DigestMismatchError`.
    """
    from imagekit.app.trusted import publish_verifier

    trusted = verifier or publish_verifier(project)
    with registry_client(project, reference.registry) as client:
        image = reference.at(require_verified(project, client, reference, trusted))
        manifest = find_disk(client, image, form.value, trusted)
        with whole_file(target) as fresh, step(f"Fetching {target.name}, disk {manifest.digest.short}"):
            chunks = client.blob(image.repository, manifest.blobs[1])
            _write_sparse(fresh, _unpacked(chunks) if form is DiskFormat.RAW else chunks)
            found, said = Digest.of_file(fresh).hex, manifest.annotations.get(SHA256, "")
            if found != said:
                raise DigestMismatchError(
                    f"disk {manifest.digest.short} of {image.name} unpacks to {found}, and says {said[:64]}"
                )
    return target


class _Stream:
    """Chunks as a file that is read from its beginning."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def read(self, _size: int = -1) -> bytes:
        """The next chunk; nothing at the end."""
        return next(self._chunks, b"")


def _unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What zstd packed, in pieces."""
    import zstandard

    unpacker = zstandard.ZstdDecompressor()
    packed = cast("IO[bytes]", _Stream(chunks))  # of a file only `read` is asked for
    yield from unpacker.read_to_iter(packed, read_size=_CHUNK, write_size=_CHUNK)
    for _ in chunks:  # to its end, where size and hash are checked
        pass


def _write_sparse(target: Path, chunks: Iterator[bytes]) -> None:
    """Write chunks, those of zeros as holes."""
    with target.open("xb") as stream:
        for chunk in chunks:
            if any(chunk):
                stream.write(chunk)
            else:
                stream.seek(len(chunk), 1)
        stream.truncate()
