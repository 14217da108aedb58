"""Archives put together at random of what headers may hold, well-formed or not, and how Python's tarfile reads them."""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
from typing import Any

from imagekit.oci.errors import ImageContentError
from imagekit.oci.tarstream import BLOCK, Source, entries

Reading = list[dict[str, Any]] | None  # None: refused
_NAMES = (b"a", b"b/c", b"d/", b"./e", b"/f", b"g" * 100, b"\xc3\xa9", b"\xff", b"h\0junk", b"", b".", b"..", b"i//j/.")
_KINDS = (b"0", b"0", b"0", b"0", b"\0", b"\0", b"1", b"2", b"3", b"5", b"5", b"6")
_ODD_KINDS = (b"7", b"S", b"Z", b"3")
_NUMBERS = (
    b"0",
    b"7",
    b"777",
    b"00000000003\0",
    b"   3 \0",
    b"3 ",
    b"\0\0\0003",
    b"8",
    b"-1",
    b"\x80\0\0\0\0\0\0\0\0\0\0\5",
)
_NUMBERS2 = (*_NUMBERS, b"\xff" * 12, b"\x80" + b"\xff" * 11, b"1 2", b"1\0002", b"\x003\0", b"0x3", b"1_0", b"")
_KEYS = (b"path", b"path", b"linkpath", b"size", b"size", b"uid", b"gid", b"mtime", b"comment", b"hdrcharset", b"atime")
_MORE = (
    b"SCHILY.xattr.user.k",
    b"SCHILY.xattr.user.k",
    b"SCHILY.xattr.",
    b"GNU.sparse.major",
    b"GNU.sparse.map",
    b"uname",
    b"",
)
_VALUES = (
    b"x",
    b"y/z",
    b"d/",
    b"",
    b"3",
    b"512",
    b"0",
    b"-1",
    b"+3",
    b"1.5",
    b"-1.5",
    b" 3",
    b"1e3",
    b"\xc3\xa9",
    b"\xff",
    b"a\0b",
)
_FITTING = {
    **dict.fromkeys((b"size", b"uid", b"gid"), (b"0", b"3", b"512", b"0003")),
    **dict.fromkeys((b"mtime", b"atime"), (b"1.5", b"-1.5", b"17", b"0.")),
    **dict.fromkeys((b"path", b"linkpath"), (b"x", b"y/z", b"d/", b"\xc3\xa9", b"\xff")),
    b"hdrcharset": (b"BINARY", b"ISO-IR 10646 2000 UTF-8"),
}
_MAGICS = (b"ustar\x0000", b"ustar\x0000", b"ustar\x0000", b"ustar  \0", b"\0" * 8, b"ustar\0  ")


def archive(dice: random.Random) -> bytes:
    """An archive of up to four members, each with what headers before it there may be."""
    pieces: list[bytes] = []
    for _ in range(dice.randrange(1, 5)):
        while dice.random() < 0.25:
            pieces.append(_extension(dice))
        pieces.append(_member(dice))
        if dice.random() < 0.02:
            pieces.append(bytes(BLOCK))
    pieces.append(bytes(BLOCK) * dice.choice((0, 1, 2, 2, 2, 2, 3)))
    data = b"".join(pieces)
    if dice.random() < 0.03:
        data = data[: dice.randrange(len(data))]
    return data


def _member(dice: random.Random) -> bytes:
    kind, body = (
        dice.choice(_KINDS if dice.random() < 0.97 else _ODD_KINDS),
        dice.randbytes(dice.choice((0, 0, 3, 511, 512, 513))),
    )
    block = bytearray(_header(dice, dice.choice(_NAMES), kind, len(body)))
    if dice.random() < 0.15:
        at, width = dice.choice(((100, 8), (108, 8), (116, 8), (124, 12), (136, 12), (329, 8), (337, 8)))
        block[at : at + width] = dice.choice(_NUMBERS2)[:width].ljust(width, b"\0")
    if dice.random() < 0.05:
        block[345:500] = dice.choice((b"pre", b"pre/", b"\0x", b"/p", b"0000000000")).ljust(155, b"\0")
    if dice.random() < 0.02:
        block[508:512] = b"tar\0"
    return _summed(block, dice) + body.ljust(-(-len(body) // BLOCK) * BLOCK, b"\0")


def _extension(dice: random.Random) -> bytes:
    kind = dice.choice((b"x", b"x", b"x", b"L", b"K", b"g"))
    if kind in b"xg":
        body = b"".join(_record(dice) for _ in range(dice.choice((1, 1, 2, 3))))
    else:
        body = dice.choice((b"long\0", b"long/\0", b"long", b"\0", b"", b"l" * 600 + b"\0", b"a\0b\0"))
    return _summed(bytearray(_header(dice, b"header", kind, len(body))), dice) + body.ljust(
        -(-len(body) // BLOCK) * BLOCK, b"\0"
    )


def _record(dice: random.Random) -> bytes:
    key = dice.choice(_KEYS + _MORE)
    value = dice.choice(_FITTING.get(key, _VALUES) if dice.random() < 0.7 else _VALUES)
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + 1
    while length != len(body) + len(str(length)):
        length = len(body) + len(str(length))
    if dice.random() < 0.97:
        return str(length).encode() + body
    wrong = (
        b"0",
        b"-1",
        b"",
        b"x",
        str(length + 1).encode(),
        str(length - 1).encode(),
        b"0" + str(length + 1).encode(),
    )
    return dice.choice(wrong) + (body if dice.random() < 0.7 else body[:-1] + b"x")


def _header(dice: random.Random, name: bytes, kind: bytes, size: int) -> bytes:
    link = dice.choice((b"a", b"b/c", b"/f", b"", b"l\0x", b"..")) if kind in b"12" or dice.random() < 0.1 else b""
    numbers = b"0000644\0" + b"0000007\0" + b"0000000\0" + b"%011o\0" % size + b"00000000017\0" + b" " * 8
    return b"".join(
        (
            name.ljust(100, b"\0"),
            numbers,
            kind,
            link.ljust(100, b"\0"),
            dice.choice(_MAGICS),
            bytes(64),
            b"0000000\0" * 2,
        )
    ).ljust(BLOCK, b"\0")


def _summed(block: bytearray, dice: random.Random) -> bytes:
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % (sum(block) + (dice.random() < 0.005))
    return bytes(block)


def ours(data: bytes) -> Reading:
    """As imagekit reads it."""
    source, found = Source([data]), []
    try:
        for entry in entries(source):
            body = bytearray()
            source.copy(entry.padded, body.extend)
            found.append(
                {
                    "name": entry.path,
                    "kind": entry.kind.decode(),
                    "link": entry.link,
                    "size": entry.size,
                    "mode": entry.mode,
                    "uid": entry.uid,
                    "gid": entry.gid,
                    "mtime": entry.mtime,
                    "sum": hashlib.sha256(body[: entry.size]).hexdigest(),
                    "xattrs": dict(entry.xattrs),
                }
            )
    except ImageContentError:
        return None
    return found


def pythons(data: bytes) -> Reading:
    """As Python's tarfile reads it."""
    if not data or data[:BLOCK] == bytes(BLOCK):
        return []  # tarfile does not open what holds nothing
    found = []
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:", errors="surrogateescape") as read:
            for each in read:
                stream = read.extractfile(each) if each.isreg() else None
                body = stream.read() if stream is not None else b""
                found.append(_as_ours(each, body))
    except (tarfile.TarError, ValueError, OverflowError, OSError, EOFError):
        return None
    return found


def _as_ours(info: tarfile.TarInfo, body: bytes) -> dict[str, Any]:
    kind = {b"\0": b"0"}.get(info.type, info.type)
    xattrs = {k: v for k, v in info.pax_headers.items() if k.startswith("SCHILY.xattr.")}
    return normal(
        {
            "name": info.name,
            "kind": kind.decode("latin-1"),
            "link": info.linkname,
            "size": info.size,
            "mode": info.mode & 0o7777,
            "uid": info.uid,
            "gid": info.gid,
            "mtime": int(info.mtime // 1),
            "sum": hashlib.sha256(body).hexdigest(),
            "xattrs": {k[13:]: v.encode("utf-8", "surrogateescape") for k, v in xattrs.items()},
        }
    )


def normal(reported: dict[str, Any]) -> dict[str, Any]:
    """What another reader says, without what makes no difference for a file system."""
    kind = reported["kind"]
    return {
        **reported,
        "name": _clean(reported["name"]),
        "link": _clean(reported["link"]) if kind == "1" else reported["link"] if kind == "2" else "",
        "size": reported["size"] if kind == "0" else 0,
        "mtime": max(0, reported["mtime"]),
    }


def _clean(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in ("", "."))
