"""Layers made to exhaust their reader: refused by name, in bounded time and memory; large real images are not."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from imagekit.artifact import inventory, kernel
from imagekit.artifact.errors import NotBootableError
from imagekit.artifact.flatroot import FlatRoot, Member
from imagekit.artifact.inventory import take_inventory
from imagekit.oci import limits
from imagekit.oci.errors import ImageContentError
from imagekit.oci.flatten import flatten
from imagekit.oci.layout import Compression, Layer, small_json
from imagekit.oci.limits import Allowance
from imagekit.oci.reference import Digest
from tests.support.bounds import bounded
from tests.support.layout import directory, hard_link, layer, layout, member, packed_layout

pytestmark = pytest.mark.attack
MIB = 1 << 20
_RLE_BLOCK = (128 * 1024 << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
_LAST_BLOCK = (1 | 1 << 1).to_bytes(3, "little") + b"\0"


def gzip_zeros(mebibytes: int) -> bytes:
    """A thousandth of what it unpacks to."""
    return gzip.compress(bytes(MIB), mtime=0) * mebibytes


def zstd_zeros(mebibytes: int) -> bytes:
    """RLE blocks: 4 bytes for 128 KiB. https://datatracker.ietf.org/doc/html/rfc8878#section-3.1.1.2.2"""
    return b"\x28\xb5\x2f\xfd\0\x38" + _RLE_BLOCK * (8 * mebibytes) + _LAST_BLOCK


def one_large_file() -> bytes:
    """The header of a file of almost 8 GiB, without its content."""
    info = tarfile.TarInfo("zeros")
    info.size = 0o77777777777
    return info.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize("head", [one_large_file(), b""], ids=["in a file", "after the end"])
@pytest.mark.parametrize(
    ("packed", "head_of", "zeros"),
    [
        (Compression.GZIP, gzip.compress, gzip_zeros(4 << 10)),
        (Compression.ZSTD, zstandard.ZstdCompressor().compress, zstd_zeros(64 << 10)),
    ],
    ids=["gzip, 4 GiB", "zstd, 64 GiB"],
)
def test_a_bomb_is_refused(
    tmp_path: Path, head: bytes, packed: Compression, head_of: Callable[[bytes], bytes], zeros: bytes
) -> None:
    data = (head_of(head) if head else b"") + zeros
    assert len(data) < 5 * MIB
    image = packed_layout(tmp_path, [data], packed)
    with (
        bounded(),
        pytest.raises(ImageContentError, match=r"layer sha256:\w+ of image .* more than 1024 MiB") as refused,
    ):
        take_inventory(tmp_path, image)
    assert "do not use it" in refused.value.hint


def test_the_layers_together_have_a_limit_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One small blob named many times passes the limit of a layer each time."""
    monkeypatch.setattr(limits, "IMAGE_FLOOR", 64 * MIB)
    image = packed_layout(tmp_path, [zstd_zeros(10)] * 10, Compression.ZSTD)
    with bounded(), pytest.raises(ImageContentError, match=f"image {image} unpacks to more than 64 MiB"):
        take_inventory(tmp_path, image)


def test_too_many_layers_are_refused_before_one_is_read(tmp_path: Path) -> None:
    image = layout(tmp_path, [layer()] * 501)
    with pytest.raises(ImageContentError, match="501 layers, 500 are allowed"):
        take_inventory(tmp_path, image)


def repeated(tar: bytes, times: int) -> bytes:
    """Members over and over, cheaply packed; folders and their opaque marks may be there twice."""
    per_frame = -(-(8 * MIB) // len(tar))
    frame = zstandard.ZstdCompressor().compress(tar * per_frame)
    return frame * -(-times // per_frame)


def bare(entry: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """The header blocks of a member without content."""
    return entry[0].tobuf(tarfile.PAX_FORMAT)


@pytest.mark.parametrize("entry", [directory("d"), member("d/.wh..wh..opq")], ids=["folders", "opaque"])
def test_entries_without_end_are_refused(
    tmp_path: Path, entry: tuple[tarfile.TarInfo, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenth of the limit in a tenth of the memory: each entry costs the same."""
    assert limits.ENTRIES == 500_000
    monkeypatch.setattr(limits, "ENTRIES", 50_000)
    image = packed_layout(tmp_path, [repeated(bare(entry), 1_000_000)], Compression.ZSTD)
    with bounded(seconds=30, mebibytes=30), pytest.raises(ImageContentError, match="more than 50000 entries"):
        take_inventory(tmp_path, image)


def test_endless_paths_are_refused(tmp_path: Path) -> None:
    long = "/".join(["n" * 250] * 16)
    image = packed_layout(tmp_path, [repeated(bare(directory(long)), 40_000)], Compression.ZSTD)
    with bounded(), pytest.raises(ImageContentError, match=r"paths of image .* take more than 128 MiB"):
        take_inventory(tmp_path, image)


def test_a_very_deep_path_is_refused(tmp_path: Path) -> None:
    image = layout(tmp_path, [layer(directory("d/" * 300))])
    with pytest.raises(ImageContentError, match="a path of 300 folders, 256 are allowed"):
        take_inventory(tmp_path, image)


def test_headers_without_a_file_are_refused(tmp_path: Path) -> None:
    """A long name after the other, each of which would be kept until its file comes."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, MIB
    image = packed_layout(tmp_path, [repeated(info.tobuf(tarfile.GNU_FORMAT) + bytes(MIB), 900)], Compression.ZSTD)
    with bounded(), pytest.raises(ImageContentError, match="two for one file"):
        take_inventory(tmp_path, image)


def test_global_headers_do_not_pile_up(tmp_path: Path) -> None:
    tars = [tarfile.TarInfo.create_pax_global_header({f"comment{number}": "x"}) for number in range(70)]
    with_folder = b"".join(each + bare(directory("d")) for each in tars)
    image = layout(tmp_path, [with_folder])
    with pytest.raises(ImageContentError, match="headers without end"):
        take_inventory(tmp_path, image)


def test_links_to_one_hidden_file_do_not_multiply_its_data(tmp_path: Path) -> None:
    """Each alias of a hidden file, linked to by a visible name, once brought the whole content again."""
    links = [
        entry
        for number in range(50)
        for entry in (hard_link(f"d/h{number}", "d/big"), hard_link(f"v{number}", f"d/h{number}"))
    ]
    lower = layer(directory("d"), member("d/big", b"x" * MIB), *links)
    image = layout(tmp_path, [lower, layer(member(".wh.d"))])
    sink = io.BytesIO()
    assert flatten(tmp_path, image, sink) < 2 * MIB
    sink.seek(0)
    with tarfile.open(fileobj=sink) as archive:
        assert {archive.extractfile(f"v{number}").read() for number in range(50)} == {b"x" * MIB}  # type: ignore[union-attr]


def test_what_is_read_into_memory_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "_MOST_KEPT", 5000)
    lists = [member(f"lib/modules/{number}/modules.dep", bytes(2000)) for number in range(3)]
    image = layout(tmp_path, [layer(*lists)])
    with pytest.raises(ImageContentError, match=r"/lib/modules/2/modules\.dep"):
        take_inventory(tmp_path, image)
    root = FlatRoot(tmp_path / "tar", {"boot/initrd": Member(b"0", "", 0, 2 << 30)}, 0)
    with pytest.raises(ImageContentError, match="/boot/initrd has 2147483648 bytes"):
        root.read("/boot/initrd")


@pytest.mark.parametrize(
    "packed",
    [lambda: gzip_zeros(1 << 10), lambda: zstd_zeros(64 << 10), lambda: lzma.compress(bytes(64 * MIB))],
    ids=["gzip", "zstd", "xz"],
)
def test_a_kernel_or_initrd_that_is_a_bomb_is_refused(
    packed: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "_LARGEST", 16 * MIB)
    bomb = packed()
    with bounded(mebibytes=150), pytest.raises(NotBootableError, match="more than 16 MiB"):
        kernel.unpacked_initrd(bomb)


def test_a_manifest_of_nothing_but_brackets_is_refused(tmp_path: Path) -> None:
    data = b"[" * MIB
    blob = tmp_path / "blobs/sha256" / Digest.of(data).hex
    blob.parent.mkdir(parents=True)
    blob.write_bytes(data)
    with pytest.raises(ImageContentError, match="nested deeper than"):
        small_json(tmp_path, Digest.of(data))


def test_a_large_real_image_is_far_below_every_limit() -> None:
    """12 GB in 100 layers, 4 GB packed, 250,000 entries; and a layer of small text files that packs fiftyfold."""
    piece = bytes(60 * MIB)
    stack = tuple(Layer(Digest.of(b"%d" % number), 40 * MIB, Compression.ZSTD) for number in range(100))
    allowance = Allowance(Digest.of(b"image"), stack)
    for each in stack:
        assert sum(map(len, allowance.measured(iter([piece, piece]), each))) == 120 * MIB
    for _ in range(250_000):
        allowance.take("usr/share/some/ordinary/folder/and/a/file/of/sixty/letters.so", "")
    text = Layer(Digest.of(b"text"), 40 * MIB, Compression.ZSTD)
    assert sum(map(len, allowance.measured((piece for _ in range(33)), text))) == 33 * 60 * MIB
