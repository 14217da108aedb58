"""A disk whose boot sector counts its starts on the disk itself and tells them on the serial port; no image is needed.

Real mode, loaded by the BIOS at 0x7c00. Each start adds one to the first byte of the second sector.
"""

from __future__ import annotations

import struct
from pathlib import Path

_LOADED = 0x7C00
_COUNTER = 0x8000
_RESET = b"\xb0\xfe\xe6\x64"  # the keyboard controller's reset line
_KEY = b"\x30\xe4\xcd\x16"  # xor ah, ah; int 0x16: waits for a key
_HANG = b"\xf4\xeb\xfd"  # hlt; jmp back
_DIGIT = "#"
GRUB = "Welcome to GRUB!\n"
MENU = "GNU GRUB  version 0\n"
KERNEL = "[    0.000000] Linux version 0 (a test)\n"


def boot_disk(path: Path, before: str, after: str = "", *, key: bool = False, reset: bool = False) -> Path:
    """A raw disk that says `before` (a ``#`` in it is the number of this start), waits for a `key`, says `after`.

    Then it hangs, or resets the machine.
    """
    sector = _sector(before.encode(), after.encode(), _KEY if key else b"", (_RESET if reset else b"") + _HANG)
    path.write_bytes(sector + b"0" + bytes((1 << 20) - 513))
    return path


def _sector(before: bytes, after: bytes, between: bytes, tail: bytes) -> bytes:
    start = b"\x31\xc0\x8e\xd8\x8e\xc0\x8e\xd0\xbc" + struct.pack("<H", _LOADED)  # segments and stack
    head = len(start) + 2 * 7 + 1 + 4 + 3 + 3 + 2 * _SAY + len(between) + len(tail)
    packet, text = _LOADED + head, _LOADED + head + 16
    digit = text + (before + _DIGIT.encode()).index(_DIGIT.encode())
    code = start
    code += b"\xbe" + struct.pack("<H", packet) + b"\xb4\x42\xcd\x13"  # read the second sector
    code += b"\xfe\x06" + struct.pack("<H", _COUNTER)  # one more
    code += b"\xbe" + struct.pack("<H", packet) + b"\xb8\x00\x43\xcd\x13"  # write it back
    code += b"\xa0" + struct.pack("<H", _COUNTER) + b"\xa2" + struct.pack("<H", digit)
    code += _say(text) + between + _say(text + len(before) + 1) + tail
    assert len(code) == head
    disk_packet = struct.pack("<BBHHHQ", 16, 0, 1, _COUNTER, 0, 1)
    return (code + disk_packet + before + b"\0" + after + b"\0").ljust(510, b"\0") + b"\x55\xaa"


_SAY = 14


def _say(text: int) -> bytes:
    """mov si, text; mov dx, 0x3f8; again: lodsb; test al, al; jz end; out dx, al; jmp again; end:"""
    return b"\xbe" + struct.pack("<H", text) + b"\xba\xf8\x03" + b"\xac\x84\xc0\x74\x03\xee\xeb\xf8"
