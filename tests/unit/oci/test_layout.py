"""Packed layers are read as the programs outside read them."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path

import pytest
import zstandard

from imagekit.oci import layout as reader
from imagekit.oci.errors import ImageContentError
from imagekit.oci.layout import Compression, blob_path, layers, unpacked
from imagekit.oci.reference import Digest
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


ZSTD = zstandard.ZstdCompressor().compress(TAR)
SKIPPED = (0x184D2A50).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"toc"
PACKED = {
    "plain": TAR,
    "gzip": ONE + TWO,
    "zstd": ZSTD,
    "zstd-chunked": ZSTD + SKIPPED,
    "zstd-skipped-first": SKIPPED + ZSTD,
}


@pytest.mark.parametrize(
    ("packed", "said"), list(itertools.product(PACKED, (Compression.GZIP, Compression.ZSTD))), ids=str
)
@pytest.mark.parametrize("chunk", [1, 300, 1 << 20])
def test_the_bytes_tell_how_a_layer_is_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: str, said: Compression, chunk: int
) -> None:
    """Builders that write one name for all; containerd, docker and Kairos's agent look at the bytes."""
    monkeypatch.setattr(reader, "_CHUNK", chunk)
    assert read(tmp_path, PACKED[packed], said) == TAR


def test_a_layer_that_says_to_be_plain_is_taken_at_its_word(tmp_path: Path) -> None:
    """As by containerd, which then finds no tar."""
    assert read(tmp_path, ONE + TWO, Compression.NONE) == ONE + TWO


@pytest.mark.parametrize(
    "kind", ["oci.image.layer.nondistributable.v1.tar+gzip", "docker.image.rootfs.foreign.diff.tar.gzip"]
)
def test_a_layer_that_may_not_be_given_away_is_a_layer(tmp_path: Path, kind: str) -> None:
    digest = packed_layout(tmp_path, [ONE + TWO], Compression.GZIP)
    text = blob_path(tmp_path, digest).read_text().replace("oci.image.layer.v1.tar+gzip", kind)
    other = Digest.of(text.encode())
    blob_path(tmp_path, other).write_text(text)
    assert json.loads(text)["layers"][0]["mediaType"] == f"application/vnd.{kind}"
    assert b"".join(unpacked(tmp_path, layers(tmp_path, other)[0])) == TAR
