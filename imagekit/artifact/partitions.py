"""The partitions of an installed node, as Kairos lays them out: order, labels, sizes, identifiers (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import NAMESPACE_URL, UUID, uuid5

from imagekit.artifact import gpt
from imagekit.base.errors import ConfigError

MIB = 1 << 20
GIB = 1 << 30
BLOCK = 4096
_SLACK = 100  # MiB beside the image's own bytes, as Kairos has it
_SMALL = 64  # MiB of COS_GRUB and of COS_OEM
_LEAST_PERSISTENT = 1024  # MiB
_FIRST = 1  # MiB before the first partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One partition; `offset` and `size` in bytes."""

    name: str
    label: str
    offset: int
    size: int
    kind: UUID = gpt.LINUX_DATA

    @property
    def uuid(self) -> UUID:
        """The same for partition and file system on every node: made of the label, as Kairos does."""
        return label_uuid(self.label)

    @property
    def entry(self) -> gpt.GptEntry:
        """As the partition table names it."""
        start, sectors = self.offset // gpt.SECTOR, self.size // gpt.SECTOR
        return gpt.GptEntry(name=self.name, kind=self.kind, guid=self.uuid, start=start, sectors=sectors)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskPlan:
    """Where everything on an installed disk lies; sizes in bytes."""

    size: int
    image_size: int
    bios: Partition
    grub: Partition
    oem: Partition
    recovery: Partition
    state: Partition
    persistent: Partition

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """In the order of the disk."""
        return (self.bios, self.grub, self.oem, self.recovery, self.state, self.persistent)


def label_uuid(label: str) -> UUID:
    """UUIDv5 of a label."""
    return uuid5(NAMESPACE_URL, label)


def inodes_for(paths: int) -> int:
    """How many inodes active.img has for so many paths: a quarter more, and some."""
    return paths * 5 // 4 + 4096


def image_bytes(blocks: int, inodes: int) -> int:
    """Size of active.img for so many blocks of 4 KiB and files: content and tables, 100 MiB, whole MiB."""
    content = blocks * BLOCK + inodes * 256
    return (-(-content // MIB) + _SLACK) * MIB


def least_size(image_size: int) -> int:
    """The smallest disk for an image, in bytes."""
    image = image_size // MIB
    fixed = _FIRST + 1 + 2 * _SMALL + _recovery(image) + _state(image)
    return (fixed + _LEAST_PERSISTENT + 1) * MIB


def plan_disk(image_size: int, size: int | None = None) -> DiskPlan:
    """Lay out a disk of `size` bytes; without one, the smallest whole number of GiB.

    Sizes are Kairos's: recovery has room for two images and 200 MiB, state for three and 1000 MiB, so that an upgrade
    writes the new image beside both. Raises `ConfigError` when the disk is too small.
    """
    least = least_size(image_size)
    whole = size or -(-least // GIB) * GIB
    if whole < least or whole % MIB:
        raise ConfigError(
            f"a disk of {whole / MIB:.0f} MiB does not fit: this image needs {least // MIB} MiB at least, in whole MiB",
            hint=f"Ask for {-(-least // GIB)}G or more.",
        )
    image, at = image_size // MIB, _FIRST
    made: list[Partition] = []
    for name, label, mib, kind in (
        ("bios", "bios", 1, gpt.BIOS_BOOT),
        ("efi", "COS_GRUB", _SMALL, gpt.EFI_SYSTEM),
        ("oem", "COS_OEM", _SMALL, gpt.LINUX_DATA),
        ("recovery", "COS_RECOVERY", _recovery(image), gpt.LINUX_DATA),
        ("state", "COS_STATE", _state(image), gpt.LINUX_DATA),
    ):
        made.append(Partition(name=name, label=label, offset=at * MIB, size=mib * MIB, kind=kind))
        at += mib
    rest = whole - (at + 1) * MIB
    bios, grub, oem, recovery, state = made
    persistent = Partition(name="persistent", label="COS_PERSISTENT", offset=at * MIB, size=rest)
    return DiskPlan(
        size=whole,
        image_size=image_size,
        bios=bios,
        grub=grub,
        oem=oem,
        recovery=recovery,
        state=state,
        persistent=persistent,
    )


def _recovery(image: int) -> int:
    return 2 * image + 200


def _state(image: int) -> int:
    return 3 * image + 1000
