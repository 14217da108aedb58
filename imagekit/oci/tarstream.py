"""A tar archive read entry by entry.

Read are ustar, pax, GNU long names and sparse files as Go's archive/tar and Python's tarfile read them. What these two
take differently, or what has two forms at once, is refused: an archive that shows each reader another file must not
pass.
Nothing of a header is passed on as it stood, see `imagekit.oci.tarheader`. Format: pax(1),
https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html; tar(5) of libarchive for GNU's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from imagekit.oci import tarsparse
from imagekit.oci.errors import ImageContentError
from imagekit.oci.tarnames import decoded, link_target, safe_path
from imagekit.oci.tarnumbers import decimal, field_number, field_text, is_time, seconds
from imagekit.oci.tarsource import Source as Source

BLOCK = 512
REGULAR, HARD_LINK, SYMLINK, CHARACTER, BLOCK_DEVICE, FOLDER, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
_LONGEST_HEADER = 1 << 20
_MOST_GLOBALS = 64
_ZERO = bytes(BLOCK)
XATTR = "SCHILY.xattr."
# Keys of a pax header that say something of the file; all others are taken for remarks, as Go does.
_MEANT = frozenset({"path", "linkpath", "size", "uid", "gid", "mtime", "hdrcharset", "charset"})
_TEXTS = frozenset({"path", "linkpath", "uname", "gname"})
_CHARSETS = (b"BINARY", b"ISO-IR 10646 2000 UTF-8")
_REFUSED = ("SUN.", "RHT.sparse")
_MEANT_PREFIXES = (XATTR, *_REFUSED, tarsparse.PREFIX)
_HINT = "Readers differ in what such a layer holds. Do not use this image; its builder can write plain pax headers."


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
    holes: int = 0  # bytes of zeros of a sparse file that no archive holds

    @property
    def is_directory(self) -> bool:
        """Whether this is a directory."""
        return self.kind == FOLDER

    @property
    def padded(self) -> int:
        """Length of the data with padding to full blocks, in bytes."""
        return -(-self.size // BLOCK) * BLOCK


def entries(source: Source) -> Iterator[TarMember]:
    """Each member in order; the consumer reads `padded` bytes of data from `source` before it asks for the next.

    Raises `ImageContentError` for what is no tar, is damaged, or has two meanings.
    """
    own: dict[str, bytes] = {}
    globals_met, alone, holes = 0, False, 0
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
            sparse = _sparse(header, own, size, source)
            member = _entry(header, own, size, sparse)
            if sparse is not None:
                source.insert(sparse.chunks)
                holes += sparse.holes
                tarsparse.require_few(holes)
            yield member
            own, alone = {}, False
    if own or alone:
        raise ImageContentError("a layer's tar ends after a header that belongs to a file")
    source.drain()


def _checked_size(block: bytes) -> int:
    if field_number(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * 32:
        raise ImageContentError("a layer is not a tar archive, or a damaged one: wrong header checksum")
    is_ustar, prefix = block[257:263] == b"ustar\0", block[345:500]
    # Go takes star's headers by their last bytes and the prefix of ustar alone, Python takes it of all.
    if (is_ustar and block[508:512] == b"tar\0") or (not is_ustar and any(prefix) and block[156:157] != tarsparse.KIND):
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
    reported = sorted(key for key in _pax(data) if key in _MEANT or key.startswith(_MEANT_PREFIXES))
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


def _sparse(block: bytes, own: Mapping[str, bytes], size: int, source: Source) -> tarsparse.Sparse | None:
    """The map of a sparse file, read from where it stands; None for what is none."""
    stored = decimal(own["size"]) if "size" in own else size
    if (form := tarsparse.version_of(own)) is not None:
        # Python takes another name than Go for a long one of version 0.1.
        named = f"{tarsparse.PREFIX}name" in own if form == (b"1", b"0") else "path" not in own
        if block[156:157] != REGULAR or "GNU:" in own or not named:
            raise ImageContentError("a layer holds a sparse entry that is no file, or has a name unlike it", hint=_HINT)
        return tarsparse.pax_map(own, stored, source.read)
    if block[156:157] == tarsparse.KIND:
        raise ImageContentError(
            "a layer holds a sparse file in GNU's old form, which containerd does not take either", hint=tarsparse.HINT
        )
    return None


def _entry(block: bytes, own: Mapping[str, bytes], size: int, sparse: tarsparse.Sparse | None) -> TarMember:
    kind, short = block[156:157], _ustar_name(block)
    named = own.get(f"{tarsparse.PREFIX}name", own.get("path"))
    name = decoded(named) if named is not None else short
    kind = REGULAR if sparse is not None else kind
    if kind == b"\0":  # tar before POSIX.1-1988, where a trailing slash marks a folder
        # Python asks the name in the header itself, Go the one that holds in the end.
        if name.endswith("/") != field_text(block[0:100]).endswith(b"/"):
            raise ImageContentError(f"a layer holds {name[:200]!a}, a file or a folder", hint=_HINT)
        kind = FOLDER if name.endswith("/") else REGULAR
    if kind not in b"0123456" or any(key.startswith(_REFUSED) for key in own):
        raise ImageContentError(f"a layer holds a tar entry of kind {kind!r}, or one of another tar's own form")
    link = (decoded(own["linkpath"]) if "linkpath" in own else _text(block[157:257])) if kind in b"12" else ""
    size = sparse.size if sparse is not None else decimal(own["size"]) if "size" in own else size
    _require_numbers(block)
    return TarMember(
        path=safe_path(name),
        kind=kind,
        link=safe_path(link) if kind == HARD_LINK else link_target(name, link) if kind == SYMLINK else "",
        size=size if kind == REGULAR else 0,
        mode=field_number(block[100:108]) & 0o7777,
        uid=_owner(own.get("uid"), block[108:116]),
        gid=_owner(own.get("gid"), block[116:124]),
        mtime=seconds(own.get("mtime"), block[136:148]),
        device=_device(block) if kind in b"34" else (0, 0),
        holes=sparse.holes if sparse is not None else 0,
        xattrs={key[len(XATTR) :]: value for key, value in own.items() if key.startswith(XATTR)},
    )


def _require_numbers(block: bytes) -> None:
    """Other readers read these fields even where they say nothing, and stop when they are no numbers."""
    for at, end in ((108, 116), (116, 124), (329, 337), (337, 345)):
        field_number(block[at:end])
    seconds(None, block[136:148])


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


def _ustar_name(block: bytes) -> str:
    name = _text(block[0:100])
    return f"{_text(block[345:500])}/{name}" if block[345] else name


def _text(field: bytes) -> str:
    return decoded(field_text(field))
