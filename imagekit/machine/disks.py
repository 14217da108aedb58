"""The disks of a node: qcow2 overlays, so that what lies below is only read, forked in no time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imagekit.artifact.programs import find
from imagekit.base import process
from imagekit.base.errors import ToolError
from imagekit.machine.domain import Disk

_TIMEOUT = 60.0
_COPY = 300.0
_QCOW2 = b"QFI\xfb"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSource:
    """A disk of a node: over `backing` (raw or qcow2, only read), or empty; `size_mib` is needed for an empty one.

    A `size_mib` above that of the backing makes a larger disk of it.
    """

    serial: str = "system"
    backing: Path | None = None
    size_mib: int | None = None


class DiskSet:
    """The disks of one node, in a folder of their own; change them only while the machine is off."""

    def __init__(self, folder: Path, sources: Sequence[DiskSource]) -> None:
        self._folder = folder
        self._made = 0
        self._kept: dict[str, dict[str, Path]] = {}
        self._tops = {each.serial: self._create(each.serial, each.backing, each.size_mib) for each in sources}
        if len(self._tops) != len(sources):
            raise ToolError("two disks of a node have the same serial")

    def disks(self) -> tuple[Disk, ...]:
        """Them as a domain takes them."""
        return tuple(
            Disk(path=path, serial=serial, readonly=False, format="qcow2") for serial, path in self._tops.items()
        )

    def path(self, serial: str) -> Path:
        """The file that a disk writes to now."""
        return self._tops[serial]

    def keep(self, name: str) -> None:
        """Remember the content of all disks as `name`."""
        self._kept[name] = dict(self._tops)
        self._tops = {serial: self._create(serial, path) for serial, path in self._tops.items()}

    def copy_to(self, folder: Path) -> None:
        """Copy what each disk was written so far, as ``SERIAL.qcow2``; only while the machine is off or stands still.

        QEMU has handed all to the host's cache then, so a copy on this host has it too.
        """
        for serial, path in self._tops.items():
            process.run(["cp", "--sparse=always", "--reflink=auto", path, folder / f"{serial}.qcow2"], timeout=_COPY)

    def restore(self, name: str) -> None:
        """Go back to the content of `name`; raises `ToolError` when there is none."""
        if name not in self._kept:
            raise ToolError(f"no disks are kept as {name!r}", hint=f"Kept: {', '.join(self._kept) or 'none'}.")
        frozen = {path for kept in self._kept.values() for path in kept.values()}
        for path in set(self._tops.values()) - frozen:
            path.unlink()
        self._tops = {serial: self._create(serial, path) for serial, path in self._kept[name].items()}

    def _create(self, serial: str, backing: Path | None, size_mib: int | None = None) -> Path:
        self._made += 1
        path = self._folder / f"{serial}-{self._made}.qcow2"
        create_disk(path, backing=backing, size_mib=size_mib)
        return path


def create_disk(path: Path, *, backing: Path | None = None, size_mib: int | None = None) -> None:
    """Make a qcow2 file over `backing`, or an empty one; raises `ToolError` when it cannot be."""
    if backing is None and size_mib is None:
        raise ToolError(f"an empty disk needs a size: {path.name}")
    argv: list[str | Path] = [find("qemu-img", "qemu-utils"), "create", "-q", "-f", "qcow2"]
    if backing is not None:
        argv += ["-b", backing.resolve(), "-F", disk_format(backing)]
    argv.append(path)
    if size_mib is not None:
        argv.append(f"{size_mib}M")
    process.run(argv, timeout=_TIMEOUT)


def disk_format(path: Path) -> str:
    """Raw or qcow2, by the first bytes."""
    with path.open("rb") as stream:
        return "qcow2" if stream.read(4) == _QCOW2 else "raw"
