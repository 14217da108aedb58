"""Content on its way: from a file or another repository, hashed as it passes, never whole in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from imagekit.base.log import progress
from imagekit.base.process import now
from imagekit.oci.reference import Digest
from imagekit.registry.answer import CHUNK
from imagekit.registry.errors import DigestMismatchError, MissingObjectError

_TELL_EVERY = 2.0
OpenAt = Callable[[int], Iterator[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSource:
    """A blob that can be read from any offset; `where` names it in errors, `size` is in bytes."""

    digest: Digest
    size: int
    where: str
    open_at: OpenAt

    @classmethod
    def of_bytes(cls, data: bytes) -> BlobSource:
        """A small blob in memory."""
        digest = Digest.of(data)
        return cls(
            digest=digest, size=len(data), where=f"blob {digest.short}", open_at=lambda offset: iter((data[offset:],))
        )

    @classmethod
    def of_file(cls, path: Path, digest: Digest) -> BlobSource:
        """A file that should hash to `digest`; raises `MissingObjectError` when it is not there."""
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise MissingObjectError(f"{path} does not exist, though the manifest names {digest}") from None
        return cls(digest=digest, size=size, where=str(path), open_at=lambda offset: _file_chunks(path, offset))


class Meter:
    """Tells how far a long transfer is, at most every two seconds."""

    def __init__(self, what: str, size: int) -> None:
        self._what, self._size, self._done = what, size, 0
        self._reported = now()

    def add(self, count: int) -> None:
        """So many more bytes are through."""
        self._done += count
        if now() - self._reported >= _TELL_EVERY:
            self._reported = now()
            progress(f"{self._what}: {self._done >> 20} of {self._size >> 20} MiB")


class Outflow:
    """Reads a source once in order, piece by piece, and keeps its hash; going back re-reads the start for the hash."""

    def __init__(self, source: BlobSource) -> None:
        self.source = source
        self._state, self._offset, self._rest = hashlib.sha256(), 0, b""
        self._chunks = source.open_at(0)

    def seek(self, offset: int) -> None:
        """Go on at `offset`."""
        if offset != self._offset:
            self._start(offset)

    def piece(self, length: int) -> Iterator[bytes]:
        """The next `length` bytes in chunks; raises `DigestMismatchError` when the source ends before."""
        while length > 0:
            if not self._rest:
                self._rest = next(self._chunks, b"")
                if not self._rest:
                    raise self._mismatch(f"ends after {self._offset} of {self.source.size} bytes")
            chunk, self._rest = self._rest[:length], self._rest[length:]
            self._take(chunk)
            length -= len(chunk)
            yield chunk

    def check(self) -> None:
        """After the last byte: raise `DigestMismatchError` unless all of it hashed to the digest."""
        found = "sha256:" + self._state.hexdigest()
        if found != str(self.source.digest):
            raise self._mismatch(f"hashes to {found}")

    def _start(self, offset: int) -> None:
        self._state, self._offset, self._rest = hashlib.sha256(), 0, b""
        self._chunks = self.source.open_at(0)
        for _ in self.piece(offset):
            continue

    def _take(self, chunk: bytes) -> None:
        self._state.update(chunk)
        self._offset += len(chunk)

    def _mismatch(self, found: str) -> DigestMismatchError:
        return DigestMismatchError(
            f"{self.source.where} {found}; it should be {self.source.digest}",
            hint="The content was changed after it was built; build it again.",
        )


def _file_chunks(path: Path, offset: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        stream.seek(offset)
        while chunk := stream.read(CHUNK):
            yield chunk
