"""Entries of a tar written in one canonical form, which every reader takes alike."""

from __future__ import annotations

from imagekit.oci.tarstream import XATTR, TarMember


def header(entry: TarMember) -> bytes:
    """The header blocks of an entry in canonical form: ustar, before it pax records of what ustar cannot hold."""
    path = entry.path.encode("utf-8", "surrogateescape") + (b"/" if entry.is_directory else b"")
    link = entry.link.encode("utf-8", "surrogateescape")
    records: dict[bytes, bytes] = {}
    if len(path) > 100:
        records[b"path"] = path
    if len(link) > 100:
        records[b"linkpath"] = link
    for key, value, width in ((b"size", entry.size, 11), (b"uid", entry.uid, 7), (b"gid", entry.gid, 7)):
        if value >= 8**width:
            records[key] = b"%d" % value
    records |= {f"{XATTR}{name}".encode("utf-8", "surrogateescape"): data for name, data in entry.xattrs.items()}
    main = _ustar(entry, path, link)
    if not records:
        return main
    body = b"".join(_record(key, value) for key, value in sorted(records.items()))
    extra = TarMember(path="", kind=b"x", size=len(body))
    return _ustar(extra, b"pax", b"") + body.ljust(extra.padded, b"\0") + main


def _ustar(entry: TarMember, path: bytes, link: bytes) -> bytes:
    fields = (
        *(path[:100].ljust(100, b"\0"), b"%07o\0" % entry.mode),
        *(b"%07o\0" % (entry.uid if entry.uid < 8**7 else 0), b"%07o\0" % (entry.gid if entry.gid < 8**7 else 0)),
        *(b"%011o\0" % (entry.size if entry.size < 8**11 else 0), b"%011o\0" % entry.mtime),
        *(b" " * 8, entry.kind, link[:100].ljust(100, b"\0"), b"ustar\x0000", bytes(64)),
        *(b"%07o\0" % entry.device[0], b"%07o\0" % entry.device[1], bytes(167)),
    )
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + 1
    while length != len(body) + len(str(length)):
        length = len(body) + len(str(length))
    return str(length).encode() + body
