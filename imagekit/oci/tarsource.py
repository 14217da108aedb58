"""Where an archive's bytes come from, with a place to read at."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

from imagekit.oci.errors import ImageContentError

Sink = Callable[[bytes | memoryview], object]


class Source:
    """Chunks of bytes with a place to read from; `at` counts the bytes read."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._now = b""
        self._at = 0
        self._before = 0

    @property
    def at(self) -> int:
        """How many bytes were read until now."""
        return self._before + self._at

    def read(self, count: int) -> bytes:
        """Exactly so many bytes, or fewer at the very end."""
        end = self._at + count
        if end <= len(self._now):
            piece = self._now[self._at : end]
            self._at = end
            return piece
        pieces: list[bytes] = []
        self.copy(count, lambda piece: pieces.append(bytes(piece)), whole=False)
        return b"".join(pieces)

    def copy(self, count: int, sink: Sink, *, whole: bool = True) -> None:
        """Pass so many bytes to `sink`; raises `ImageContentError` at a premature end unless `whole` is off."""
        while count:
            if self._at == len(self._now) and not self._refill():
                if whole:
                    raise ImageContentError("a layer's tar ends in the middle of a file")
                return
            piece = memoryview(self._now)[self._at : self._at + count]
            sink(piece)
            self._at += len(piece)
            count -= len(piece)

    def insert(self, chunks: Callable[[Callable[[int], bytes]], Iterable[bytes]]) -> None:
        """Give what `chunks` makes, out of what comes next, in the place of what it reads for that."""
        rest = Source(itertools.chain((self._now[self._at :],), self._chunks))
        self._before, self._now, self._at = self.at, b"", 0
        self._chunks = itertools.chain(chunks(rest.read), rest.rest())

    def rest(self) -> Iterator[bytes]:
        """All that was not read yet."""
        yield self._now[self._at :]
        yield from self._chunks

    def drain(self) -> None:
        """Read to the end, so that the digest of what lies beneath is completed."""
        while self._refill():
            continue

    def _refill(self) -> bool:
        self._before += len(self._now)
        for chunk in self._chunks:
            if chunk:
                self._now, self._at = chunk, 0
                return True
        self._now, self._at = b"", 0
        return False
