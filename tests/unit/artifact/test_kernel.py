"""Kernels unpacked on the host, and modules in an order in which they load."""

from __future__ import annotations

import gzip
import lzma
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from imagekit.artifact.errors import NotBootableError
from imagekit.artifact.kernel import bare_kernel, module_files, modules

ELF = b"\x7fELF" + bytes(60) + struct.pack("<III", 4, 8, 18) + b"Xen\0" + bytes(100)


def bz_image(payload: bytes) -> bytes:
    """A boot image of one setup sector with this payload right after it."""
    head = bytearray(1024)
    head[0x1F1] = 1
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", head, 0x248, 0, len(payload))
    return bytes(head) + payload + b"trailer"


@pytest.mark.parametrize("pack", [zstandard.compress, lzma.compress, gzip.compress], ids=["zstd", "xz", "gzip"])
def test_a_kernel_is_unpacked(pack: object) -> None:
    assert callable(pack)
    assert bare_kernel(bz_image(pack(ELF))) == ELF


@pytest.mark.parametrize("pack", [zstandard.compress, lzma.compress], ids=["zstd", "xz"])
def test_a_large_kernel_is_unpacked_though_its_length_follows(pack: Callable[[bytes], bytes]) -> None:
    """What arch/x86/boot/compressed does for packers that keep no length themselves (cmd_zstd22_with_size)."""
    kernel = ELF + bytes(range(256)) * (5 << 12)
    assert bare_kernel(bz_image(pack(kernel) + len(kernel).to_bytes(4, "little"))) == kernel


@pytest.mark.parametrize(
    "image",
    [bz_image(zstandard.compress(ELF.replace(b"Xen", b"Foo"))), bz_image(b"unknown packing"), b"no kernel" * 200],
    ids=["no entry for direct start", "unknown packing", "no kernel"],
)
def test_what_cannot_be_started_directly_is_left_packed(image: bytes) -> None:
    assert bare_kernel(image) is None


def tree(folder: Path) -> Path:
    """A module folder in which overlay needs exportfs, packed in three ways."""
    root = folder / "6.1.0-test"
    (root / "kernel").mkdir(parents=True)
    (root / "modules.builtin").write_text("kernel/drivers/virtio/virtio_pci.ko\n")
    (root / "modules.dep").write_text(
        "kernel/overlay.ko.xz: kernel/exportfs.ko.zst kernel/base.ko.gz\n"
        "kernel/exportfs.ko.zst: kernel/base.ko.gz\nkernel/base.ko.gz:\nkernel/plain.ko:\n"
    )
    (root / "kernel/overlay.ko.xz").write_bytes(lzma.compress(ELF + b"overlay"))
    (root / "kernel/exportfs.ko.zst").write_bytes(zstandard.compress(ELF + b"exportfs"))
    (root / "kernel/base.ko.gz").write_bytes(gzip.compress(ELF + b"base"))
    (root / "kernel/plain.ko").write_bytes(ELF + b"plain")
    return root


def test_modules_come_after_what_they_need_and_builtin_ones_are_left_out(tmp_path: Path) -> None:
    found = modules(tree(tmp_path), ["virtio_pci", "overlay", "plain"])
    assert [name for name, _ in found] == ["base.ko", "exportfs.ko", "overlay.ko", "plain.ko"]
    assert [data.removeprefix(ELF) for _, data in found] == [b"base", b"exportfs", b"overlay", b"plain"]


def test_only_the_files_needed_are_named(tmp_path: Path) -> None:
    assert module_files(tree(tmp_path), ["virtio_pci", "plain"]) == ["kernel/plain.ko"]


def test_a_missing_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotBootableError, match="no module squashfs"):
        modules(tree(tmp_path), ["squashfs"])
