"""A kernel of some dozen bytes: it writes a text to the serial port and then hangs or resets; tests need no image then.

Form: ELF with the note that QEMU looks for when it starts a kernel directly (PVH),
https://xenbits.xen.org/docs/unstable/misc/pvh.html
"""

from __future__ import annotations

import struct
from pathlib import Path

from imagekit.artifact.live import LiveArtifacts
from imagekit.oci.reference import Digest

_BASE = 0x100000
_HEADERS = 52 + 2 * 32
_NOTE = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", _BASE)
_HANG = b"\xf4\xeb\xfd"  # hlt; jmp back
_RESET = b"\xb0\xfe\xe6\x64" + _HANG  # the keyboard controller's reset line


# again: mov ecx, 1 << 22; wait: dec ecx; jnz wait; mov al, "."; out dx, al; jmp again
_TICK = b"\xb9" + struct.pack("<I", 1 << 22) + b"\x49\x75\xfd" + b"\xb0.\xee" + b"\xeb\xf3"


def kernel(text: str, *, reset: bool = False, tick: bool = False) -> bytes:
    """Says `text` on the serial console, then does nothing (or resets the machine, or says a dot now and then)."""
    tail = _RESET if reset else _TICK if tick else _HANG
    # mov esi, text; mov dx, 0x3f8; again: lodsb; test al, al; jz end; out dx, al; jmp again; end:
    head = 5 + 4 + 8
    code = (
        b"\xbe"
        + struct.pack("<I", _BASE + head + len(tail))
        + b"\x66\xba\xf8\x03"
        + b"\xac\x84\xc0\x74\x03\xee\xeb\xf8"
    )
    program = code + tail + text.encode() + b"\0"
    offset = _HEADERS + len(_NOTE)
    elf = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    elf += struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, _BASE, 52, 0, 0, 52, 32, 2, 40, 0, 0)
    load = struct.pack("<IIIIIIII", 1, offset, _BASE, _BASE, len(program), len(program), 7, 4096)
    note = struct.pack("<IIIIIIII", 4, _HEADERS, 0, 0, len(_NOTE), len(_NOTE), 4, 4)
    return elf + load + note + _NOTE + program


def artifacts(folder: Path, text: str, *, reset: bool = False, tick: bool = False) -> LiveArtifacts:
    """Artifacts around such a kernel; its disk is empty."""
    (folder / "vmlinux").write_bytes(kernel(text, reset=reset, tick=tick))
    for name in ("initrd", "fast-initrd", "rootfs.squashfs"):
        (folder / name).write_bytes(bytes(4096))
    return LiveArtifacts(
        folder=folder,
        manifest=Digest.of(text.encode()),
        kernel_release="tiny",
        kernel=folder / "vmlinux",
        bare_kernel=folder / "vmlinux",
        initrd=folder / "initrd",
        rootfs=folder / "rootfs.squashfs",
        fast_initrd=folder / "fast-initrd",
        iso=folder / "live.iso",
        reused=False,
    )
