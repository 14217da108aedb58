"""An initrd that does not unpack is named before a boot, which would only stand still (issue 16, 5)."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable

import pytest
import zstandard

from imagekit.artifact import cpio
from imagekit.artifact.errors import NotBootableError
from imagekit.artifact.initrdcheck import drivers_in, require_whole_initrd

ARCHIVE = cpio.archive(
    [cpio.folder("bin"), cpio.file("init", b"#!/bin/sh\n" * 999, 0o755), cpio.link("bin/sh", "busybox")]
)
EARLY = cpio.archive([cpio.file("microcode.bin", b"x" * 77)]).ljust(2048, b"\0")
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "xz": lambda data: lzma.compress(data, check=lzma.CHECK_CRC32),
    "gzip": gzip.compress,
}


# Two plain archives in a row are read by the kernel; nothing that makes an initrd here writes them.
WHOLE = [(packing, early) for packing in PACKED for early in (b"", EARLY) if packing != "plain" or not early]


@pytest.mark.parametrize(("packing", "early"), WHOLE)
def test_a_whole_one_is_counted(packing: str, early: bytes) -> None:
    assert require_whole_initrd(early + PACKED[packing](ARCHIVE)) == 3


DRIVERS = ("usr/lib/modules/6.1/kernel/a/vmw_pvscsi.ko.xz", "usr/lib/modules/6.1/kernel/b/sd-mod.ko", "etc/nvme.conf")


@pytest.mark.parametrize(("packing", "early"), WHOLE)
def test_its_drivers_are_named_as_the_kernel_does(packing: str, early: bytes) -> None:
    archive = cpio.archive([cpio.file(name, b"x") for name in DRIVERS])
    assert drivers_in(early + PACKED[packing](archive)) == {"vmw_pvscsi", "sd_mod"}


def test_a_packing_that_is_not_known_here_holds_no_driver() -> None:
    assert drivers_in(b"\x89LZO" + b"x" * 99) == frozenset()


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("damage", ["cut", "half", "zeros", "a byte", "empty"])
def test_a_damaged_one_is_named(packing: str, damage: str) -> None:
    data = bytearray(PACKED[packing](ARCHIVE))
    middle = len(data) // 2
    match damage:
        case "cut":
            data = data[: len(data) - max(40, len(data) // 4)]
        case "half":
            data = data[:middle]
        case "zeros":
            data[8 : len(data)] = bytes(len(data) - 8)
        case "a byte":
            data[_header_of_init(data) if packing == "plain" else middle] ^= 0xFF
        case _:
            data = bytearray()
    with pytest.raises(NotBootableError, match="the initrd of the image, /boot/initrd, is damaged") as caught:
        require_whole_initrd(bytes(data))
    assert "imagekit diff" in caught.value.hint


def _header_of_init(data: bytearray) -> int:
    return data.index(b"070701", 10)


@pytest.mark.parametrize("magic", [b"BZh9", b"\x02\x21\x4c\x18", b"\x89LZO"])
def test_what_only_the_kernel_unpacks_is_taken(magic: bytes) -> None:
    assert require_whole_initrd(magic + b"x" * 99) == 0
