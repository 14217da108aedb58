"""A tar archive read entry by entry.

Read are ustar, pax and GNU long names as Go's archive/tar and Python's tarfile read them. What these two take
differently, or what has two forms at once, is refused: an archive that shows each reader another file must not pass.
Nothing of a header is passed on as it stood, see `imagekit.oci.tarheader`. Format: pax(1),
https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html; tar(5) of libarchive for GNU's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from imagekit.oci.errors import ImageContentError
from imagekit.oci.tarnumbers import decimal, field_number, field_text, is_time, seconds

BLOCK = 512
REGULAR, HARD_LINK, SYMLINK, CHARACTER, BLOCK_DEVICE, FOLDER, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
_LONGEST_HEADER = 1 << 20
_MOST_GLOBALS = 64
_DEEPEST = 256
_LONGEST_PATH, _LONGEST_NAME = 4095, 255  # bytes; PATH_MAX and NAME_MAX
_ZERO = bytes(BLOCK)
XATTR = "SCHILY.xattr."
# Keys of a pax header that say something of the file; all others are taken for remarks, as Go does.
_MEANT = frozenset({"path", "linkpath", "size", "uid", "gid", "mtime", "hdrcharset", "charset"})
_TEXTS = frozenset({"path", "linkpath", "uname", "gname"})
_CHARSETS = (b"BINARY", b"ISO-IR 10646 2000 UTF-8")
_REFUSED = ("GNU.sparse.", "SUN.", "RHT.sparse")
_HINT = "Readers differ in what such a layer holds. Do not use this image; its builder can write plain pax headers."
Sink = Callable[[bytes | memoryview], object]


@dataclass(slots=True, kw_only=True)
class TarMember:
    """One member: its path without leading or trailing slashes, and all that is kept of it.

    `size` is that of its data in bytes, 0 for whatever is no regular file; `mtime` in whole seconds since 1970.
    """

    path: str
    kind: bytes
    link: str = ""
    size: int = 0
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    device: tuple[int, int] = (0, 0)
    xattrs: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def is_directory(self) -> bool:
        """Whether this is a directory."""
        return self.kind == FOLDER

    @property
    def padded(self) -> int:
        """Length of the data with padding to full blocks, in bytes."""
        return -(-self.size // BLOCK) * BLOCK


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


def entries(source: Source) -> Iterator[TarMember]:
    """Each member in order; the consumer reads `padded` bytes of data from `source` before it asks for the next.

    Raises `ImageContentError` for what is no tar, is damaged, or has two meanings.
    """
    own: dict[str, bytes] = {}
    globals_met, alone = 0, False
    while header := source.read(BLOCK):
        if header == _ZERO:
            _require_end(source.read(BLOCK))
            break
        if len(header) < BLOCK:
            raise ImageContentError("a layer's tar ends in the middle of a header")
        kind = header[156:157]
        size = _checked_size(header)
        if kind == b"g":
            globals_met, alone = globals_met + 1, True
            _require_harmless(_extension(source, size), own, globals_met)
        elif kind in (b"x", b"L", b"K"):
            _take(own, kind, _extension(source, size))
        else:
            yield _entry(header, own, size)
            own, alone = {}, False
    if own or alone:
        raise ImageContentError("a layer's tar ends after a header that belongs to a file")
    source.drain()


def _checked_size(block: bytes) -> int:
    if field_number(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * 32:
        raise ImageContentError("a layer is not a tar archive, or a damaged one: wrong header checksum")
    is_ustar, prefix = block[257:263] == b"ustar\0", block[345:500]
    # Go takes star's headers by their last bytes and the prefix of ustar alone, Python takes it of all.
    if (is_ustar and block[508:512] == b"tar\0") or (not is_ustar and any(prefix)):
        raise ImageContentError("a layer holds tar headers of star or with GNU's access times", hint=_HINT)
    return field_number(block[124:136])


def _require_end(second: bytes) -> None:
    """Two blocks of zeros end an archive; Go refuses one alone before other content, Python takes it for the end."""
    if second not in (b"", _ZERO):
        raise ImageContentError("a layer's tar goes on after a block of zeros", hint=_HINT)


def _extension(source: Source, size: int) -> bytes:
    if not 0 < size <= _LONGEST_HEADER:
        raise ImageContentError(f"a layer holds a tar header of {size} bytes")
    block = source.read(-(-size // BLOCK) * BLOCK)
    if len(block) % BLOCK:
        raise ImageContentError("a layer's tar ends in the middle of a header")
    return block[:size]


def _take(own: dict[str, bytes], kind: bytes, data: bytes) -> None:
    """Add what a header says of the next file; pax and GNU's long names together, or one of them twice, are refused."""
    form, other = ("pax", "GNU") if kind == b"x" else ("GNU", "pax")
    if f"{other}:" in own or (kind == b"x" and "pax:" in own):
        raise ImageContentError("a layer holds two headers that both describe one file", hint=_HINT)
    own[f"{form}:"] = b""
    if kind == b"x":
        own.update(_pax(data))
        return
    key, text = "path" if kind == b"L" else "linkpath", data.partition(b"\0")[0]
    if key in own or not text:
        raise ImageContentError("a layer holds an empty long name, or two for one file", hint=_HINT)
    own[key] = text


def _require_harmless(data: bytes, own: Mapping[str, bytes], met: int) -> None:
    """A global header may hold a comment, as git-archive writes it: Go ignores it all, Python applies it all."""
    reported = sorted(key for key in _pax(data) if key in _MEANT or key.startswith((XATTR, *_REFUSED)))
    if reported or own:
        raise ImageContentError(
            f"a layer holds a pax header for all files, of {', '.join(reported) or 'one'}", hint=_HINT
        )
    if met > _MOST_GLOBALS:
        raise ImageContentError("a layer holds headers without end before one file", hint="Do not use this image.")


def _pax(data: bytes) -> dict[str, bytes]:
    """The records of a pax header, each ``LENGTH KEY=VALUE\\n``; no key twice."""
    found: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 9)
        length = decimal(data[at:space]) if space > at else 0
        end = at + length
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        name = key.decode("utf-8", "surrogateescape")
        if not key or not equals or end > len(data) or data[end - 1 : end] != b"\n" or b"\0" in key:
            raise ImageContentError("a layer holds a damaged pax header", hint=_HINT)
        if name in found or (name in _MEANT and not value) or (name in _TEXTS and b"\0" in value):
            raise ImageContentError(f"a layer holds a pax header with {name!a} twice, or empty", hint=_HINT)
        if (name == "hdrcharset" and value not in _CHARSETS) or (name in ("atime", "ctime") and not is_time(value)):
            raise ImageContentError(f"a layer holds a pax header with {name!a} of {value[:40]!r}", hint=_HINT)
        found[name] = value
        at = end
    return found


def _entry(block: bytes, own: Mapping[str, bytes], size: int) -> TarMember:
    kind, short = block[156:157], _ustar_name(block)
    name = _decoded(own["path"]) if "path" in own else short
    if kind == b"\0":  # tar before POSIX.1-1988, where a trailing slash marks a folder
        # Python asks the name in the header itself, Go the one that holds in the end.
        if name.endswith("/") != field_text(block[0:100]).endswith(b"/"):
            raise ImageContentError(f"a layer holds {name[:200]!a}, a file or a folder", hint=_HINT)
        kind = FOLDER if name.endswith("/") else REGULAR
    if kind not in b"0123456" or any(key.startswith(_REFUSED) for key in own):
        raise ImageContentError(f"a layer holds a tar entry of kind {kind!r} or a sparse one, which no image has")
    link = (_decoded(own["linkpath"]) if "linkpath" in own else _text(block[157:257])) if kind in b"12" else ""
    size = decimal(own["size"]) if "size" in own else size
    _require_numbers(block)
    return TarMember(
        path=safe_path(name),
        kind=kind,
        link=safe_path(link) if kind == HARD_LINK else _symlink(name, link) if kind == SYMLINK else "",
        size=size if kind == REGULAR else 0,
        mode=field_number(block[100:108]) & 0o7777,
        uid=_owner(own.get("uid"), block[108:116]),
        gid=_owner(own.get("gid"), block[116:124]),
        mtime=seconds(own.get("mtime"), block[136:148]),
        device=_device(block) if kind in b"34" else (0, 0),
        xattrs={key[len(XATTR) :]: value for key, value in own.items() if key.startswith(XATTR)},
    )


def _require_numbers(block: bytes) -> None:
    """Other readers read these fields even where they say nothing, and stop when they are no numbers."""
    for at, end in ((108, 116), (116, 124), (136, 148), (329, 337), (337, 345)):
        field_number(block[at:end])


def _owner(more: bytes | None, field: bytes) -> int:
    value = decimal(more) if more is not None else field_number(field)
    if value >= (1 << 32) - 1:
        raise ImageContentError(f"a layer holds a file of the owner {value}, whom no system has")
    return value


def _device(block: bytes) -> tuple[int, int]:
    major, minor = field_number(block[329:337]), field_number(block[337:345])
    if major >= 1 << 12 or minor >= 1 << 20:
        raise ImageContentError(f"a layer holds the device {major}:{minor}, which Linux cannot have")
    return major, minor


def safe_path(name: str) -> str:
    """The path as a layer may name it, without leading and trailing slashes; `..` and control bytes are refused."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in name:
        raise ImageContentError(
            f"a layer holds the path {name[:200]!a}, which leads out of the image", hint="Do not use this image."
        )
    if len(parts) > _DEEPEST:
        raise ImageContentError(f"a layer holds a path of {len(parts)} folders, {_DEEPEST} are allowed")
    if _length(name) > _LONGEST_PATH or any(len(part) > 63 and _length(part) > _LONGEST_NAME for part in parts):
        raise ImageContentError(f"a layer holds a path that is too long for Linux: {name[:200]!a}")
    return "/".join(parts)


def _symlink(name: str, target: str) -> str:
    if not target or _length(target) > _LONGEST_PATH:
        raise ImageContentError(f"a layer holds the symbolic link {name[:200]!a} to nothing, or too far")
    return target


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def _ustar_name(block: bytes) -> str:
    name = _text(block[0:100])
    return f"{_text(block[345:500])}/{name}" if block[345] else name


def _text(field: bytes) -> str:
    return _decoded(field_text(field))


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
