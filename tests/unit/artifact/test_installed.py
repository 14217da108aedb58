"""A whole installed disk of a small made-up root: clean file systems, every byte in its place, twice the same."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from imagekit.artifact import sparse
from imagekit.artifact.flatroot import FlatRoot, index_tar
from imagekit.artifact.grub import BiosCore, BootFiles
from imagekit.artifact.installed import write_disk
from imagekit.artifact.partitions import MIB, DiskPlan, Partition, image_bytes, inodes_for, plan_disk
from imagekit.artifact.programs import find
from imagekit.base.process import run
from tests.support.evil import EVIL
from tests.support.layout import directory, hard_link, layer, member, symlink

GUID = UUID("01234567-89ab-4def-8123-456789abcdef")
EPOCH = 1735689600
BOOT = BootFiles(
    bios=BiosCore(b"boot code".ljust(440, b"\0"), b"core image"),
    efi={"EFI/boot/bootx64.efi": b"shim", "EFI/boot/grub.cfg": b"configfile", "EFI/debian/grub.cfg": b"configfile"},
    state={"grub/grub.cfg": b"menu", "grub_oem_env": b"env"},
)
# security.capability of cap_net_raw+ep, as setcap(8) writes it
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")


def small_root(folder: Path) -> FlatRoot:
    """Files of the kinds that an image has."""
    capability = CAPABILITY.decode("latin-1")
    ping = member("usr/bin/ping", b"ping", mode=0o755, SCHILY__xattr__security__capability=capability)
    mail = member("var/mail", b"", kind=b"5", mode=0o2775)
    mail[0].gid = 8
    other = hard_link("usr/bin/other", "usr/bin/tool")
    other[0].mode = 0o4755  # as every archiver of images writes it: that of the file
    tar = folder / "rootfs.tar"
    tar.write_bytes(
        layer(
            directory("usr"),
            directory("usr/bin"),
            member("usr/bin/tool", b"x" * 5000, mode=0o4755),
            other,
            ping,
            directory("var"),
            mail,
            symlink("bin", "usr/bin"),
            member("large", bytes(range(256)) * 40_000),
        )
    )
    return index_tar(tar)


def plan_of(root: FlatRoot) -> DiskPlan:
    """The smallest disk for a root."""
    return plan_disk(image_bytes(root.blocks, inodes_for(len(root.members))))


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same disk written in two folders."""
    made = []
    for name in ("one", EVIL):
        folder = tmp_path_factory.mktemp("disk") / name
        folder.mkdir()
        root = small_root(folder)
        write_disk(folder / "disk.raw", root, BOOT, plan_of(root), guid=GUID, epoch=EPOCH)
        made.append(folder / "disk.raw")
    return made


@pytest.fixture
def disk(disks: list[Path]) -> Path:
    """One such disk."""
    return disks[0]


def plan(disk: Path) -> DiskPlan:
    """How it was laid out."""
    return plan_of(index_tar(disk.with_name("rootfs.tar")))


def debugfs(device: str, command: str) -> str:
    """What debugfs answers."""
    return run([find("debugfs", "e2fsprogs"), "-R", command, device], timeout=20).stdout


def content(disk: Path, part: Partition, path: str, to: Path) -> Path:
    """A file of a partition, copied out."""
    debugfs(f"{disk}?offset={part.offset}", f"dump {path} {to}")
    return to


def test_the_same_bytes_in_another_folder(disks: list[Path]) -> None:
    """W5: its name is one that mke2fs, debugfs and mtools would cut or read options from."""
    one, other = (path.open("rb") for path in disks)
    with one, other:
        size = disks[0].stat().st_size
        ranges = [list(sparse.data_ranges(stream.fileno(), size)) for stream in (one, other)]
        assert ranges[0] == ranges[1]
        for start, length in ranges[0]:
            one.seek(start)
            other.seek(start)
            assert one.read(length) == other.read(length)


def test_every_file_system_is_clean_and_bears_its_label(disk: Path) -> None:
    layout = plan(disk)
    for part in (layout.oem, layout.recovery, layout.state, layout.persistent):
        device = f"{disk}?offset={part.offset}"
        run([find("e2fsck", "e2fsprogs"), "-fn", device], timeout=60)
        head = debugfs(device, "stats -h")
        assert part.label in head
        assert str(part.uuid) in head
        assert not {"64bit", "metadata_csum", "orphan_file"} & set(head.split()), "GRUB could not read it"
        journal = "has_journal" in head.split()
        assert journal == (part.label == "COS_PERSISTENT"), "GRUB replays no journal"


@pytest.mark.parametrize(
    ("where", "path", "label"),
    [
        ("state", "/cOS/active.img", "COS_ACTIVE"),
        ("state", "/cOS/passive.img", "COS_PASSIVE"),
        ("recovery", "/cOS/recovery.img", "COS_SYSTEM"),
    ],
)
def test_each_image_is_a_clean_file_system_with_all_of_the_root(
    disk: Path, tmp_path: Path, where: str, path: str, label: str
) -> None:
    image = content(disk, getattr(plan(disk), where), path, tmp_path / "image")
    assert image.stat().st_size == plan(disk).image_size
    run([find("e2fsck", "e2fsprogs"), "-fn", image], timeout=60)
    assert label in debugfs(str(image), "stats -h")
    large = tmp_path / "large"
    debugfs(str(image), f"dump /large {large}")
    assert large.read_bytes() == bytes(range(256)) * 40_000


def test_owners_modes_links_and_capabilities_are_kept(disk: Path, tmp_path: Path) -> None:
    image = str(content(disk, plan(disk).state, "/cOS/active.img", tmp_path / "image"))
    tool = debugfs(image, "stat /usr/bin/tool")
    assert "Mode:  04755" in tool
    assert "Links: 2" in tool
    mail = debugfs(image, "stat /var/mail")
    assert "Mode:  02775" in mail
    assert "Group:     8" in mail
    assert 'Fast link dest: "usr/bin"' in debugfs(image, "stat /bin")
    assert CAPABILITY.hex() in debugfs(image, "ea_get -x /usr/bin/ping security.capability").replace(" ", "")


def test_grub_finds_its_files_and_its_core(disk: Path, tmp_path: Path) -> None:
    layout = plan(disk)
    assert content(disk, layout.state, "/grub/grub.cfg", tmp_path / "menu").read_bytes() == b"menu"
    assert content(disk, layout.oem, "/grubenv", tmp_path / "env").stat().st_size == 1024
    with disk.open("rb") as stream:
        assert stream.read(9) == b"boot code"
        stream.seek(layout.bios.offset)
        assert stream.read(10) == b"core image"
    shown = run([find("mdir", "mtools"), "-b", "-/", "-i", f"{disk}@@{layout.grub.offset}", "::"], timeout=20).stdout
    assert "::/EFI/boot/bootx64.efi" in shown
    assert "::/EFI/debian/grub.cfg" in shown


def test_only_what_is_there_is_written(disk: Path) -> None:
    written = disk.stat().st_blocks * 512
    assert written < 150 * MIB
    assert disk.stat().st_size == plan(disk).size
