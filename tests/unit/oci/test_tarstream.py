"""Headers that readers take differently are refused, and what is written is canonical (D21, D22)."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from imagekit.oci.errors import ImageContentError
from imagekit.oci.flatten import flatten
from imagekit.oci.tarheader import header
from imagekit.oci.tarstream import BLOCK, Source, TarMember, entries
from tests.support.layout import layer, layout, member

END = bytes(2 * BLOCK)


def block(name: bytes = b"x", kind: bytes = b"0", data: bytes = b"", *, size: int | None = None, **at: bytes) -> bytes:
    """One header and its data; `at` puts bytes at offsets, as ``at_257=b"ustar  \\0"``."""
    made = bytearray(header(TarMember(path="x", kind=b"0", size=len(data) if size is None else size)))
    made[0:100] = name.ljust(100, b"\0")
    made[156:157] = kind
    for key, value in at.items():
        made[int(key[3:]) : int(key[3:]) + len(value)] = value
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    return bytes(made) + data.ljust(-(-len(data) // BLOCK) * BLOCK, b"\0")


def pax(*records: bytes, kind: bytes = b"x") -> bytes:
    """A pax header of records that are written as they stand."""
    return block(b"pax", kind, b"".join(records))


def record(key: str, value: str) -> bytes:
    """A well-formed record."""
    body = f" {key}={value}\n".encode()
    length = len(body) + 1
    while length != len(body) + len(str(length)):
        length = len(body) + len(str(length))
    return str(length).encode() + body


def read(tar: bytes) -> list[tuple[str, bytes]]:
    """Paths and data."""
    source = Source([tar])
    return [(entry.path, source.read(entry.padded)[: entry.size]) for entry in entries(source)]


LONG = block(b"././@LongLink", b"L", b"etc/shadow\0")
FILE = block(b"x", data=b"abc")


@pytest.mark.parametrize(
    "tar",
    [
        pytest.param(pax(record("path", "good")) + LONG + FILE, id="D22-pax-and-long-name"),
        pytest.param(LONG + pax(record("path", "good")) + FILE, id="D22-long-name-and-pax"),
        pytest.param(LONG + pax(record("mtime", "1")) + FILE, id="D22-long-name-and-pax-time"),
        pytest.param(pax(record("size", "0"), kind=b"g") + FILE, id="D22-global-size"),
        pytest.param(pax(record("path", "y"), kind=b"g") + FILE, id="D22-global-path"),
        pytest.param(pax(record("linkpath", "y"), kind=b"g") + FILE, id="global-linkpath"),
        pytest.param(pax(record("SCHILY.xattr.user.a", "y"), kind=b"g") + FILE, id="global-attribute"),
        pytest.param(pax(record("mtime", "1")) + pax(record("comment", "y"), kind=b"g") + FILE, id="global-between"),
        pytest.param(pax(record("size", "-512")) + FILE, id="D21-negative-size"),
        pytest.param(pax(b"0 path=x\n") + FILE, id="D21-length-0"),
        pytest.param(pax(b"xx path=x\n") + FILE, id="D21-no-length"),
        pytest.param(pax(b"path=x\n") + FILE, id="D21-no-number"),
        pytest.param(pax(b"-9 path=x\n") + FILE, id="length-negative"),
        pytest.param(pax(b"8 path=x\n") + FILE, id="length-short"),
        pytest.param(pax(b"11 path=x\n") + FILE, id="length-long"),
        pytest.param(pax(b"10 path=xy") + FILE, id="no-newline"),
        pytest.param(pax(b"7 path\n") + FILE, id="no-equals"),
        pytest.param(pax(b"5 =x\n") + FILE, id="no-key"),
        pytest.param(pax(record("path", "a"), record("path", "b")) + FILE, id="twice"),
        pytest.param(pax(record("path", "a")) + pax(record("path", "b")) + FILE, id="two-pax-headers"),
        pytest.param(LONG + LONG + FILE, id="two-long-names"),
        pytest.param(pax(record("path", "")) + FILE, id="empty-path"),
        pytest.param(pax(record("path", "a\0b")) + FILE, id="NUL-in-path"),
        pytest.param(pax(record("size", "1_0")) + FILE, id="underscore"),
        pytest.param(pax(record("size", "+3")) + FILE, id="plus"),
        pytest.param(pax(record("size", "٣")) + FILE, id="arabic-digit"),
        pytest.param(pax(record("uid", "-1")) + FILE, id="negative-owner"),
        pytest.param(pax(record("mtime", "1e9")) + FILE, id="time-with-exponent"),
        pytest.param(pax(record("GNU.sparse.major", "1")) + FILE, id="sparse"),
        pytest.param(block(b"x", b"S") + FILE, id="old-sparse"),
        pytest.param(block(b"x", b"7", b"abc"), id="contiguous"),
        pytest.param(block(b"x", b"0", at_124=b"\xff" * 12), id="negative-base-256"),
        pytest.param(block(b"x", b"0", at_124=b"\0\0\0\0" + b"0000003\0"), id="number-after-NUL"),
        pytest.param(block(b"x", b"0", at_108=b"00008\0\0\0"), id="no-octal"),
        pytest.param(block(b"x", b"0", at_257=b"ustar  \0", at_345=b"pre"), id="GNU-with-prefix"),
        pytest.param(block(b"x", b"0", at_508=b"tar\0"), id="star"),
        pytest.param(bytes(BLOCK) + FILE, id="one-block-of-zeros"),
        pytest.param(pax(record("path", "a")) + END, id="header-without-file"),
        pytest.param(pax(record("path", "x/")) + block(b"x", b"\0"), id="file-or-folder"),
        pytest.param(block(b"", b"x", b"", size=2 << 20), id="large-header"),
        pytest.param(block(b"n" * 100, b"0", at_345=b"p" * 150 + b"/../.."), id="leads-out"),
    ],
)
def test_what_has_two_readings_is_refused(tar: bytes) -> None:
    with pytest.raises(ImageContentError):
        read(tar + END)


@pytest.mark.parametrize(
    ("tar", "found"),
    [
        (FILE, [("x", b"abc")]),
        (pax(record("comment", "c0ffee"), kind=b"g") + FILE, [("x", b"abc")]),
        (pax(record("path", "é/y"), record("mtime", "-1.5")) + FILE, [("é/y", b"abc")]),
        (pax(record("size", "3")) + block(b"x", data=b"abc", at_124=b"00000000000\0"), [("x", b"abc")]),
        (block(b"x", data=b"abc", at_136=b"\xff" * 10 + b"\xfe\x00"), [("x", b"abc")]),
        (LONG + FILE, [("etc/shadow", b"abc")]),
        (block(b"x", b"5", size=700), [("x", b"")]),
        (block(b"d/", b"\0"), [("d", b"")]),
        (block(b"./a//b/", b"5"), [("a/b", b"")]),
        (block(b"x", data=b"abc", at_124=b"\x80" + bytes(10) + b"\x03"), [("x", b"abc")]),
        (block(b"x", data=b"abc", at_124=b"         3 \0"), [("x", b"abc")]),
        (block(b"n", data=b"1", at_345=b"p"), [("p/n", b"1")]),
        (b"", []),
    ],
)
def test_what_all_read_alike_is_taken(tar: bytes, found: list[tuple[str, bytes]]) -> None:
    assert read(tar) == found
    assert read(tar + END + b"junk after the end" * 100) == found


@pytest.mark.parametrize("path", ["x", "d/" * 60 + "x", "é" * 120, "\udcff" * 120])
@pytest.mark.parametrize("size", [0, 8**11 - 1, 8**11, (1 << 63) - 1])
def test_what_is_written_is_read_again(path: str, size: int) -> None:
    entry = TarMember(
        path=path,
        kind=b"0",
        size=size,
        mode=0o4755,
        uid=(1 << 32) - 2,
        gid=8**7,
        mtime=(1 << 32) - 1,
        xattrs={"user.k": b"\xff=\n\0", "user.empty": b""},
    )
    written = header(entry)
    assert len(written) % BLOCK == 0
    assert next(entries(Source([written]))) == entry


def test_the_disk_holds_what_the_index_shows(tmp_path: Path) -> None:
    """D22: nothing of a layer's headers is passed on, so that there is no second reading of them."""
    odd = b"".join([block(b"x", data=b"abc", at_265=b"root\0secret", at_500=b"\0\0\0hidden")])
    sink = io.BytesIO()
    flatten(tmp_path, layout(tmp_path, [odd + END]), sink)
    assert b"secret" not in sink.getvalue()
    assert b"hidden" not in sink.getvalue()
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as archive:
        assert archive.getnames() == ["x"]


def test_a_layer_that_python_wrote_is_read(tmp_path: Path) -> None:
    tar = layer(member("x", b"abc", SCHILY__xattr__user__k="v"))
    entry = next(entries(Source([tar])))
    assert (entry.path, entry.size, dict(entry.xattrs)) == ("x", 3, {"user.k": b"v"})
