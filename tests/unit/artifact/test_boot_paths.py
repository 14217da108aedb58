"""What is kept of an inode is the same on every boot path: squashfs, live and on the medium, ext2 of disks (W21)."""

from __future__ import annotations

import os
import re
import tarfile
from pathlib import Path
from typing import NamedTuple

import pytest

from imagekit.artifact import live
from imagekit.artifact.ext import write_image
from imagekit.artifact.flatroot import flat_root
from imagekit.artifact.programs import find
from imagekit.artifact.releaseiso import squash
from imagekit.base.process import run
from tests.support.layout import attributed, directory, hard_link, layer, layout, member, symlink

CAPABILITY = "\x01\0\0\x02 \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
LONG = "d/" + "n" * 120 + "/" + "m" * 200


class Kept(NamedTuple):
    """What a file system says of a path; `data` counts its bytes or names what a link leads to."""

    mode: int
    uid: int
    gid: int
    mtime: int
    data: str
    links: int


def owned(entry: tuple[tarfile.TarInfo, bytes], uid: int, gid: int, mtime: int) -> tuple[tarfile.TarInfo, bytes]:
    """The member with an owner and a time."""
    entry[0].uid, entry[0].gid, entry[0].mtime = uid, gid, mtime
    return entry


def device(name: str, kind: bytes, major: int, minor: int) -> tuple[tarfile.TarInfo, bytes]:
    """A device."""
    made = member(name, kind=kind, mode=0o600)
    made[0].devmajor, made[0].devminor = major, minor
    return made


MEMBERS = (
    owned(directory("d", 0o2755), 0, 4, 1_700_000_000),
    owned(member("d/tool", b"x" * 5000, mode=0o4755), 0, 0, 1_700_000_001),
    owned(member("d/mine", b"1", mode=0o640), 100_000, 4_000_000, 4_000_000_000),
    member("d/empty"),
    hard_link("d/zz", "d/tool"),
    owned(symlink("d/link", "../" * 30 + "tool"), 5, 6, 7),
    owned(symlink("d/far", "f/" * 60 + "x"), 5, 6, 7),
    device("d/null", tarfile.CHRTYPE, 1, 3),
    device("d/disk", tarfile.BLKTYPE, 259, 70_000),
    member("d/pipe", kind=tarfile.FIFOTYPE, mode=0o622),
    member(LONG, b"long"),
    member("d/größe", b"utf"),
    attributed(member("d/cap", b"1"), {"security.capability": CAPABILITY, "user.k": "v"}),
    attributed(symlink("d/labelled", "x"), {"security.selinux": "label\0"}),
    attributed(directory("d/box"), {"user.dir": "w", "security.selinux": "box\0"}),
)


def squashed(image: Path, folder: Path) -> dict[str, Kept]:
    """Every path of a squashfs, unpacked."""
    run([find("unsquashfs", "squashfs-tools"), "-no-progress", "-q", "-n", "-d", folder, image], timeout=60)
    found = {}
    for path in sorted(folder.rglob("*")):
        seen = path.lstat()
        data = (
            _target(str(path.readlink()))
            if path.is_symlink()
            else str(seen.st_size if path.is_file() else seen.st_rdev)
        )
        links = 0 if path.is_dir() and not path.is_symlink() else seen.st_nlink
        name = str(path.relative_to(folder))
        found[name] = Kept(seen.st_mode & 0o7777, seen.st_uid, seen.st_gid, int(seen.st_mtime), data, links)
    return found


def _target(link: str) -> str:
    """What debugfs tells of a link: of one that has a block of its own, how long it is."""
    return link if len(link) < 60 else f"{len(link)} bytes"


def attributes_of(folder: Path) -> dict[str, dict[str, bytes]]:
    """The extended attributes of every path."""
    found = {}
    for path in folder.rglob("*"):
        names = [name for name in os.listxattr(path, follow_symlinks=False) if name.startswith(("user.", "security."))]
        if names:
            kept = {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
            found[str(path.relative_to(folder))] = kept
    return found


def in_ext2(image: Path, paths: list[str]) -> dict[str, Kept]:
    """The same of an ext2 file system, by debugfs."""
    commands = "\n".join(f'stat "/{path}"' for path in paths)
    reported = run([find("debugfs", "e2fsprogs"), "-f", "-", image], timeout=60, stdin=commands.encode()).stdout
    return dict(zip(paths, map(_stat, reported.split("debugfs: stat ")[1:]), strict=True))


def _stat(text: str) -> Kept:
    def number(pattern: str, base: int = 10) -> int:
        found = re.search(pattern, text)
        return int(found[1], base) if found else 0

    kind, size = re.search(r"Type: (\w+)", text), number(r"Size: (\d+)")
    assert kind is not None, text
    match kind[1]:
        case "symlink":
            quoted = re.search(r'Fast link dest: "(.*)"', text)
            data = quoted[1] if quoted else f"{size} bytes"
        case "regular":
            data = str(size)
        case "character" | "block":
            data = str(os.makedev(number(r"Device major/minor number: (\d+)"), number(r"minor number: \d+:(\d+)")))
        case _:
            data = "0"
    links = 0 if kind[1] == "directory" else number(r"Links: (\d+)")
    mode, mtime = number(r"Mode:\s+(\d+)", 8), number(r"mtime: 0x(\w+)", 16)
    return Kept(mode, number(r"User:\s+(\d+)"), number(r"Group:\s+(\d+)"), mtime, data, links)


@pytest.mark.skipif(os.geteuid() != 0, reason="unpacks devices and owners: only root can")
def test_every_boot_path_keeps_the_same(tmp_path: Path) -> None:
    digest = layout(tmp_path, (layer(*MEMBERS),))
    live._rootfs(tmp_path, digest, tmp_path / "live.squashfs")
    root = flat_root(tmp_path, digest, tmp_path / "rootfs.tar")
    squash(root.tar, tmp_path / "medium.squashfs", 1_735_689_600)
    sizes = {"size": 8 << 20, "inodes": 128, "epoch": 1_735_689_600}
    write_image(tmp_path / "ext2", root.tar, label="X", attributes=root.attributes, **sizes)
    on_live = squashed(tmp_path / "live.squashfs", tmp_path / "one")
    on_medium = squashed(tmp_path / "medium.squashfs", tmp_path / "two")
    on_disk = in_ext2(tmp_path / "ext2", sorted(root.members))
    assert set(on_live) == set(root.members) == set(on_medium)
    assert on_live == on_medium
    assert on_live == on_disk
    assert on_disk["d/mine"][:4] == (0o640, 100_000, 4_000_000, (1 << 31) - 1)
    assert on_disk["d/tool"].links == 2
    wanted = {path: dict(named) for path, named in root.attributes.items()}
    assert attributes_of(tmp_path / "one") == attributes_of(tmp_path / "two") == wanted
    assert {"d/cap", "d/labelled", "d/box"} == set(wanted)
