"""Packed layers are read as the programs outside read them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from imagekit.oci import layout as reader
from imagekit.oci.errors import ImageContentError
from imagekit.oci.layout import Compression, layers, unpacked
from tests.support.layout import layer, member, packed_layout

TAR = layer(member("x", b"1" * 3000))
ONE, TWO = gzip.compress(TAR[:1000], mtime=0), gzip.compress(TAR[1000:], mtime=0)


def read(folder: Path, packed: bytes, kind: Compression = Compression.GZIP) -> bytes:
    """A layer of these bytes, unpacked."""
    digest = packed_layout(folder, [packed], kind)
    return b"".join(unpacked(folder, layers(folder, digest)[0]))


@pytest.mark.parametrize(
    "packed",
    [ONE + TWO, ONE + TWO + bytes(1), ONE + TWO + bytes(10_000), ONE + gzip.compress(b"", mtime=0) + TWO],
    ids=["members", "one-zero", "zeros", "empty-member"],
)
@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_gzip_is_read_as_gunzip_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bytes, chunk: int
) -> None:
    """W22: members one after another, and zeros at the end, as tapes and some builders leave them."""
    monkeypatch.setattr(reader, "_CHUNK", chunk)
    assert read(tmp_path, packed) == TAR


@pytest.mark.parametrize(
    "packed",
    [b"", bytes(100), ONE + TWO[:-1], ONE[:-9], ONE + TWO + b"junk", ONE + bytes(5) + TWO, bytes(3) + ONE],
    ids=["empty", "zeros", "no-trailer", "cut", "junk", "after-zeros", "before"],
)
def test_what_gunzip_does_not_take_whole_is_refused(tmp_path: Path, packed: bytes) -> None:
    with pytest.raises(ImageContentError, match="is not gzip"):
        read(tmp_path, packed)
