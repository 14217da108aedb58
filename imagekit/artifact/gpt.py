"""A GUID partition table as bytes: protective MBR with room for boot code, and both copies of the table.

Format: https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

SECTOR = 512
_ENTRIES = 128
_ENTRY_SIZE = 128
_TABLE_SECTORS = _ENTRIES * _ENTRY_SIZE // SECTOR
BOOT_CODE = 440

BIOS_BOOT = UUID("21686148-6449-6E6F-744E-656564454649")
EFI_SYSTEM = UUID("C12A7328-F81F-11D2-BA4B-00A0C93EC93B")
LINUX_DATA = UUID("0FC63DAF-8483-4772-8E79-3D69D8477DE4")


@dataclass(frozen=True, slots=True, kw_only=True)
class GptEntry:
    """One partition: first sector and length in sectors of 512 bytes."""

    name: str
    kind: UUID
    guid: UUID
    start: int
    sectors: int


def table(entries: Sequence[GptEntry], *, disk: UUID, sectors: int, boot_code: bytes = b"") -> list[tuple[int, bytes]]:
    """Bytes of the whole table as (offset, data) for a disk of so many sectors."""
    array = b"".join(_packed(entry) for entry in entries).ljust(_ENTRIES * _ENTRY_SIZE, b"\0")
    last = sectors - 1
    first_usable, last_usable = 2 + _TABLE_SECTORS, last - _TABLE_SECTORS - 1
    check = zlib.crc32(array)

    def header(own: int, other: int, at: int) -> bytes:
        body = _header(own, other, first_usable, last_usable, disk, at, check, 0)
        return _header(own, other, first_usable, last_usable, disk, at, check, zlib.crc32(body[:92]))

    return [
        (0, _protective(sectors, disk, boot_code)),
        (SECTOR, header(1, last, 2)),
        (2 * SECTOR, array),
        ((last - _TABLE_SECTORS) * SECTOR, array),
        (last * SECTOR, header(last, 1, last - _TABLE_SECTORS)),
    ]


def _packed(entry: GptEntry) -> bytes:
    last = entry.start + entry.sectors - 1
    name = entry.name.encode("utf-16-le").ljust(72, b"\0")
    return entry.kind.bytes_le + entry.guid.bytes_le + struct.pack("<QQQ", entry.start, last, 0) + name


def _header(own: int, other: int, first: int, last: int, disk: UUID, at: int, check: int, own_check: int) -> bytes:
    return struct.pack(
        "<8sIIIIQQQQ16sQIII",
        b"EFI PART",
        0x00010000,
        92,
        own_check,
        0,
        own,
        other,
        first,
        last,
        disk.bytes_le,
        at,
        _ENTRIES,
        _ENTRY_SIZE,
        check,
    ).ljust(SECTOR, b"\0")


def _protective(sectors: int, disk: UUID, boot_code: bytes) -> bytes:
    assert len(boot_code) <= BOOT_CODE
    signature = disk.bytes[:4]
    # one partition of type EE over the whole disk; addresses by cylinder are the highest there are
    entry = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, min(sectors - 1, 0xFFFFFFFF))
    return boot_code.ljust(BOOT_CODE, b"\0") + signature + bytes(2) + entry + bytes(48) + b"\x55\xaa"
