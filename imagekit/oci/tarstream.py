"""A tar archive read entry by entry, each with its header blocks as they stand, so that they can be passed on.

Read are ustar, pax and GNU long names; sparse files and multi-volume archives are refused, for no image has them.
Format: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from imagekit.oci.errors import ImageContentError

BLOCK = 512
_LONGEST_HEADER = 1 << 20
# One member has at most a pax header, a long name and a long link; global headers hold a comment or two.
_MOST_HEADERS = 8
_MOST_GLOBALS = 64
_DEEPEST = 256
_ZERO = bytes(BLOCK)
Sink = Callable[[bytes | memoryview], object]


@dataclass(slots=True)
class Entry:
    """One member: its path without leading or trailing slashes, its header blocks and the length of its data."""

    path: str
    kind: bytes
    link: str
    size: int
    raw: bytes

    @property
    def is_directory(self) -> bool:
        """Whether this is a directory."""
        return self.kind == b"5"

    @property
    def mode(self) -> int:
        """Permission bits with set-user-id, set-group-id and sticky."""
        return _number(self.raw[-BLOCK + 100 : -BLOCK + 108]) & 0o7777

    @property
    def padded(self) -> int:
        """Length of the data with padding to full blocks, in bytes."""
        return -(-self.size // BLOCK) * BLOCK


class Source:
    """Chunks of bytes with a place to read from."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._now = b""
        self._at = 0

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

    def drain(self) -> None:
        """Read to the end, so that the digest of what lies beneath is completed."""
        while self._refill():
            continue

    def _refill(self) -> bool:
        for chunk in self._chunks:
            if chunk:
                self._now, self._at = chunk, 0
                return True
        self._now, self._at = b"", 0
        return False


def entries(source: Source) -> Iterator[Entry]:
    """Each member in order; the consumer reads `padded` bytes of data from `source` before it asks for the next."""
    common: dict[str, str] = {}
    own: dict[str, str] = {}
    raw: list[bytes] = []
    ahead = 0
    while (header := source.read(BLOCK)) and header != _ZERO:
        if len(header) < BLOCK:
            raise ImageContentError("a layer's tar ends in the middle of a header")
        _check(header)
        kind, size = header[156:157], _number(header[124:136])
        raw.append(header)
        if kind in b"xgLK":
            ahead += 1
            raw.append(_extension(source, kind, size, common, own))
            if ahead > _MOST_HEADERS or len(common) > _MOST_GLOBALS:
                raise ImageContentError(
                    "a layer holds headers without end before one file", hint="Do not use this image."
                )
            if kind == b"g":
                raw = []
        else:
            yield _entry(header, {**common, **own} if own or common else own, b"".join(raw), size)
            own, raw, ahead = {}, [], 0
    source.drain()


def _entry(header: bytes, more: dict[str, str], raw: bytes, size: int) -> Entry:
    kind = header[156:157].replace(b"\0", b"0").replace(b"7", b"0")
    if kind not in b"0123456" or any(key.startswith("GNU.sparse") for key in more):
        raise ImageContentError(f"a layer holds a tar entry of kind {kind!r}, which no image has")
    name = more.get("path") or _ustar_name(header)
    if "size" in more:
        size = int(more["size"])
    if kind == b"0" and name.endswith("/"):  # tar before POSIX.1-1988 marked directories so
        kind = b"5"
    link = (more.get("linkpath") or _text(header[157:257])) if kind in b"12" else ""
    return Entry(_safe(name), kind, _safe(link) if kind == b"1" else link, size if kind == b"0" else 0, raw)


def _extension(source: Source, kind: bytes, size: int, common: dict[str, str], own: dict[str, str]) -> bytes:
    if size > _LONGEST_HEADER:
        raise ImageContentError(f"a layer holds a tar header of {size} bytes")
    block = source.read(-(-size // BLOCK) * BLOCK)
    data = block[:size]
    if kind == b"L":
        own["path"] = _text(data)
    elif kind == b"K":
        own["linkpath"] = _text(data)
    else:
        (common if kind == b"g" else own).update(_pax(data))
    return block


def _pax(data: bytes) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 12)
        digits = data[at:space] if space > 0 else b""
        length = int(digits) if digits.isdigit() else 0
        key, equals, value = data[space + 1 : at + length - 1].partition(b"=")
        if not equals or at + length > len(data):
            raise ImageContentError("a layer holds a damaged pax header")
        yield key.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")
        at += length


def _safe(name: str) -> str:
    """The path as a layer may name it; `..`, absolute names and control bytes are refused, not repaired."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name or len(name) > 4096:
        raise ImageContentError(
            f"a layer holds the path {name[:200]!r}, which leads out of the image", hint="Do not use this image."
        )
    if len(parts) > _DEEPEST:
        raise ImageContentError(f"a layer holds a path of {len(parts)} folders, {_DEEPEST} are allowed")
    return "/".join(parts)


def _ustar_name(header: bytes) -> str:
    name = _text(header[0:100])
    if header[257:263] == b"ustar\0" and header[345]:
        return f"{_text(header[345:500])}/{name}"
    return name


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # base 256, for files of 8 GiB and more
        return int.from_bytes(field[1:], "big") if field[0] == 0x80 else _refuse_number(field)
    text = field.strip(b" \0")
    return int(text or b"0", 8) if all(48 <= digit <= 55 for digit in text) else _refuse_number(field)


def _refuse_number(field: bytes) -> int:
    raise ImageContentError(f"a layer holds a tar header with the number {field!r}")


def _check(header: bytes) -> None:
    if _number(header[148:156]) != sum(header) - sum(header[148:156]) + 8 * 32:
        raise ImageContentError("a layer is not a tar archive, or a damaged one: wrong header checksum")
