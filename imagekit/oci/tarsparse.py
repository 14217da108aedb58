"""Sparse members of GNU's tar: a map says where the data lies that the archive holds, all between is zeros.

Builders that call GNU tar with --sparse write them (mkosi), and containerd unpacks those of pax, whose headers are of a
plain file. The forms that Go and Python read alike are taken: pax records of version 0.1 and 1.0. GNU's own header of
kind S is refused, as by containerd.
https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from imagekit.oci.errors import ImageContentError
from imagekit.oci.tarnumbers import decimal

BLOCK = 512
KIND = b"S"
PREFIX = "GNU.sparse."
_MOST = 4 << 30  # bytes of zeros in one layer that no archive holds; the lastlog of a large user id has more
_MOST_PIECES = 1 << 16
HINT = (
    "Pack it with --format=posix and without --sparse, or take the file out: a lastlog grows with the largest user id "
    "(useradd -l)."
)
Piece = tuple[int, int]  # offset and length


@dataclass(frozen=True, slots=True)
class Sparse:
    """A member's map, its whole size, and how many bytes of data the archive has of it."""

    pieces: tuple[Piece, ...]
    size: int
    stored: int

    @property
    def holes(self) -> int:
        """Bytes that the archive does not hold."""
        return self.size - self.stored

    def chunks(self, read: Callable[[int], bytes]) -> Iterator[bytes]:
        """The file as it is meant, filled to whole blocks; `read` gives the stored data piece by piece."""
        at = 0
        for offset, length in self.pieces:
            yield from _zeros(offset - at)
            yield from _copied(read, length)
            at = offset + length
        read(-self.stored % BLOCK)
        yield from _zeros(self.size - at + -self.size % BLOCK)


def pax_map(records: Mapping[str, bytes], size: int, read: Callable[[int], bytes]) -> Sparse:
    """Of pax records; that of version 1.0 stands before the data, in decimal lines filled to whole blocks."""
    if (records.get(f"{PREFIX}major", b"0"), records.get(f"{PREFIX}minor", b"1")) == (b"1", b"0"):
        whole = decimal(records.get(f"{PREFIX}realsize", b""))
        numbers, used = _lines(read)
        return _checked(list(zip(numbers[0::2], numbers[1::2], strict=True)), whole, size - used)
    text = records.get(f"{PREFIX}map", b"")
    numbers = [decimal(each) for each in text.split(b",")] if text else []
    if len(numbers) % 2 or len(numbers) // 2 != decimal(records.get(f"{PREFIX}numblocks", b"")):
        raise _damaged("its map has another length than it says")
    pieces = list(zip(numbers[0::2], numbers[1::2], strict=True))
    return _checked(pieces, decimal(records.get(f"{PREFIX}size", b"")), size)


def version_of(records: Mapping[str, bytes]) -> tuple[bytes, bytes] | None:
    """The version that pax records say, or None where they say nothing of sparse files; raises for one not known."""
    if not any(key.startswith(PREFIX) for key in records):
        return None
    major, minor = records.get(f"{PREFIX}major"), records.get(f"{PREFIX}minor")
    if (major or b"", minor or b"") == (b"1", b"0"):
        return (b"1", b"0")
    if (major, minor) == (None, None) and f"{PREFIX}map" in records:
        return (b"0", b"1")
    raise ImageContentError("a layer holds a sparse file of a form that readers take differently", hint=HINT)


def require_few(holes: int) -> None:
    """Zeros cost an archive nothing, and whoever reads it their time."""
    if holes > _MOST:
        raise ImageContentError(f"a layer holds sparse files with {holes} bytes of zeros", hint=HINT)


def _lines(read: Callable[[int], bytes]) -> tuple[list[int], int]:
    """The numbers after the first, which says how many pairs there are, and the bytes read."""
    text, used = b"", 0
    count: int | None = None
    while count is None or text.count(b"\n") < 1 + 2 * count:
        block = read(BLOCK)
        used += BLOCK
        text += block
        if len(block) < BLOCK or used > 64 * _MOST_PIECES:
            raise _damaged("its map does not end")
        if count is None and b"\n" in text:
            count = decimal(text.partition(b"\n")[0])
    numbers = [decimal(each) for each in text.split(b"\n")[1 : 1 + 2 * count]]
    return numbers, used


def _checked(pieces: list[Piece], size: int, stored: int) -> Sparse:
    """In order, apart, within the file, and all of the data that is stored: what Go asks of a map."""
    at = 0
    for offset, length in pieces:
        if offset < at or offset + length > size:
            raise _damaged("its pieces overlap, or lie outside of it")
        at = offset + length
    if sum(length for _, length in pieces) != stored:
        raise _damaged("its map is of another size than its data")
    if size - stored > _MOST or len(pieces) > _MOST_PIECES:
        raise ImageContentError(f"a layer holds a sparse file of {size} bytes, of which {stored} are data", hint=HINT)
    return Sparse(tuple(pieces), size, stored)


def _damaged(why: str) -> ImageContentError:
    return ImageContentError(f"a layer holds a damaged sparse file: {why}", hint=HINT)


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield bytes(min(count, 1 << 20))
        count -= 1 << 20


def _copied(read: Callable[[int], bytes], count: int) -> Iterator[bytes]:
    while count > 0:
        data = read(min(count, 1 << 20))
        if not data:
            raise ImageContentError("a layer's tar ends in the middle of a file")
        yield data
        count -= len(data)
