"""The disks of a node: overlays that can be kept and restored."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from imagekit.base.errors import ToolError
from imagekit.machine.disks import DiskSet, DiskSource, create_disk, disk_format

pytestmark = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")


@pytest.fixture
def backing(tmp_path: Path) -> Path:
    """A raw disk of 1 MiB."""
    path = tmp_path / "disk.raw"
    path.write_bytes(b"x" * (1 << 20))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the disks of the node go."""
    made = tmp_path / "node"
    made.mkdir()
    return made


def disk_bytes(path: Path) -> int:
    """The size that a guest sees: the qcow2 header's, https://www.qemu.org/docs/master/interop/qcow2.html"""
    with path.open("rb") as stream:
        return int(struct.unpack(">Q", stream.read(32)[24:])[0])


def test_a_disk_is_an_overlay_of_the_size_asked_for(backing: Path, folder: Path) -> None:
    disks = DiskSet(folder, [DiskSource(backing=backing), DiskSource(serial="data", size_mib=4)])
    assert [(disk.serial, disk.format, disk.readonly) for disk in disks.disks()] == [
        ("system", "qcow2", False),
        ("data", "qcow2", False),
    ]
    assert disk_bytes(disks.path("system")) == 1 << 20
    assert disk_bytes(disks.path("data")) == 4 << 20
    assert disk_format(backing) == "raw"


def test_a_larger_size_enlarges(backing: Path, folder: Path) -> None:
    assert disk_bytes(DiskSet(folder, [DiskSource(backing=backing, size_mib=8)]).path("system")) == 8 << 20


def test_what_is_kept_stays_and_what_came_after_goes(backing: Path, folder: Path) -> None:
    disks = DiskSet(folder, [DiskSource(backing=backing)])
    first = disks.path("system")
    disks.keep("installed")
    second = disks.path("system")
    assert first.exists()
    assert second != first
    disks.restore("installed")
    assert not second.exists()
    assert first.exists()
    disks.restore("installed")
    assert sorted(path for path in folder.iterdir()) == sorted([first, disks.path("system")])


def test_an_unknown_name_is_refused(backing: Path, folder: Path) -> None:
    disks = DiskSet(folder, [DiskSource(backing=backing)])
    with pytest.raises(ToolError, match="'upgraded'"):
        disks.restore("upgraded")


def test_two_disks_need_two_serials(backing: Path, folder: Path) -> None:
    with pytest.raises(ToolError, match="same serial"):
        DiskSet(folder, [DiskSource(backing=backing), DiskSource(backing=backing)])


def test_an_empty_disk_needs_a_size(folder: Path) -> None:
    with pytest.raises(ToolError, match="size"):
        create_disk(folder / "x.qcow2")
