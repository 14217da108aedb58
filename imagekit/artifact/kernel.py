"""A kernel as an image carries it: the bare ELF inside a bzImage, and modules with what they need."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from imagekit.artifact.errors import NotBootableError

_PVH_NOTE = struct.pack("<III", 4, 4, 18) + b"Xen\0"  # XEN_ELFNOTE_PHYS32_ENTRY, in 32-bit form
_PVH_NOTE_64 = struct.pack("<III", 4, 8, 18) + b"Xen\0"
_LARGEST = 512 << 20  # the initrd of a general-purpose distribution with all firmware unpacks to some 400 MB
_PIECE = 1 << 10
Unpacked = TypeVar("Unpacked", bytes, bytearray)


def bare_kernel(image: bytes) -> bytes | None:
    """The uncompressed kernel inside a bzImage when QEMU can start it directly (PVH), else None.

    Under emulation the guest's own unpacking of a zstd kernel costs seconds; the host does it in a tenth of one.
    Header fields: https://docs.kernel.org/arch/x86/boot.html
    """
    if image[0x202:0x206] != b"HdrS":
        return image if image[:4] == b"\x7fELF" else None
    sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (sectors + 1) * 512 + offset
    kernel = _unpacked(image[start : start + length])
    if kernel is None or kernel[:4] != b"\x7fELF":
        return None
    return kernel if _PVH_NOTE in kernel or _PVH_NOTE_64 in kernel else None


def unpacked_initrd(initrd: bytes) -> bytes | None:
    """The archive of an initrd, without what is to be unpacked before it (microcode); None for an unknown packing.

    https://docs.kernel.org/arch/x86/microcode.html, "Early load microcode".
    """
    if initrd[:6] == b"070701" and (end := initrd.find(b"TRAILER!!!")) >= 0:
        rest = initrd[end + len(b"TRAILER!!!") :].lstrip(b"\0")
        return _unpacked(rest) if rest else initrd
    return _unpacked(initrd)


def modules(root: Path, wanted: Iterable[str]) -> list[tuple[str, bytes]]:
    """Unpacked kernel modules below `root` (``/usr/lib/modules/<release>``) in load order, each after what it needs.

    Names that are built in are left out; a name that is nowhere raises `NotBootableError`.
    """
    needs = _dependencies(root)
    by_name = {_name(path): path for path in needs}
    builtin = {_name(line) for line in (root / "modules.builtin").read_text().split()}
    order: list[str] = []
    for name in wanted:
        if name in by_name:
            _after_needs(by_name[name], needs, order)
        elif name not in builtin:
            raise NotBootableError(
                f"kernel {root.name} has no module {name}, which the direct boot path needs",
                hint="Use a kernel package with virtio, squashfs and overlay.",
            )
    return [(_name(path) + ".ko", _module(root / path)) for path in order]


def module_files(root: Path, wanted: Iterable[str]) -> list[str]:
    """Paths below `root` of the files that `modules` will read for these names."""
    needs = _dependencies(root)
    by_name = {_name(path): path for path in needs}
    order: list[str] = []
    for name in wanted:
        if name in by_name:
            _after_needs(by_name[name], needs, order)
    return order


def _dependencies(root: Path) -> dict[str, list[str]]:
    lines = (line.partition(":") for line in (root / "modules.dep").read_text().splitlines())
    return {path: rest.split() for path, colon, rest in lines if colon}


def _after_needs(path: str, needs: dict[str, list[str]], order: list[str]) -> None:
    # modules.dep lists everything a module needs, the deepest last
    for one in (*reversed(needs.get(path, [])), path):
        if one not in order:
            order.append(one)


def _name(path: str) -> str:
    return Path(path).name.partition(".ko")[0].replace("-", "_")


def _module(path: Path) -> bytes:
    data = path.read_bytes()
    unpacked = data if data[:4] == b"\x7fELF" else _unpacked(data)
    if unpacked is None:
        raise NotBootableError(f"kernel module {path.name} is packed in an unknown way")
    return unpacked


def _unpacked(data: bytes) -> bytes | None:
    if data[:4] == b"\x28\xb5\x2f\xfd":
        return _unzstd(data)
    if data[:6] == b"\xfd7zXZ\0":
        # The kernel appends its own length after the stream, so a plain decompress() would complain.
        return _within(lzma.LZMADecompressor(memlimit=_LARGEST).decompress(data, _LARGEST + 1))
    if data[:2] == b"\x1f\x8b":
        return _gunzip(data)
    return None


def _unzstd(data: bytes) -> bytes:
    """One frame, after which the kernel appends its own length; each small piece unpacks to 32 MiB at most."""
    import zstandard

    unpacker, unpacked = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj(), bytearray()
    for at in range(0, len(data), _PIECE):
        unpacked += unpacker.decompress(data[at : at + _PIECE])
        _within(unpacked)
        if unpacker.eof:
            break
    return bytes(unpacked)


def _gunzip(data: bytes) -> bytes:
    unpacked = bytearray()
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        while chunk := stream.read(1 << 20):
            unpacked += chunk
            _within(unpacked)
    return bytes(unpacked)


def _within(unpacked: Unpacked) -> Unpacked:
    if len(unpacked) > _LARGEST:
        raise NotBootableError(
            f"a kernel, module or initrd of the image unpacks to more than {_LARGEST >> 20} MiB",
            hint="Only one made to exhaust its reader is so; do not use this image.",
        )
    return unpacked
