"""The root of an image as one tar: folders before what is in them, whatever order its layers have."""

from __future__ import annotations

import tarfile
from pathlib import Path

from imagekit.disk.ext import write_image
from imagekit.disk.flatroot import flat_root
from imagekit.disk.programs import find
from imagekit.process import run
from tests.support.layout import directory, hard_link, layer, layout, member

BELOW = layer(
    directory("etc", mode=0o750),
    member("etc/release", b"old"),
    member("etc/hosts", b"x" * 3000),
    hard_link("h", "etc/hosts"),
)
ABOVE = layer(member("etc/release", b"new"), member("opt/tool/run", b"y" * 700))


def test_folders_come_first_and_nothing_else_changes(tmp_path: Path) -> None:
    root = flat_root(tmp_path, layout(tmp_path, (BELOW, ABOVE)), tmp_path / "rootfs.tar")
    with tarfile.open(root.tar) as archive:
        assert archive.getnames() == ["etc", "opt", "opt/tool", "etc/release", "opt/tool/run", "etc/hosts", "h"]
        assert archive.getmember("etc").mode == 0o750
    found = [root.read(path) for path in ("/etc/release", "/etc/hosts", "/h", "/opt/tool/run")]
    assert found == [b"new", b"x" * 3000, b"x" * 3000, b"y" * 700]
    assert [path.name for path in tmp_path.glob("rootfs*")] == ["rootfs.tar"]


def test_a_root_in_order_is_left_as_it_is(tmp_path: Path) -> None:
    root = flat_root(tmp_path, layout(tmp_path, (BELOW,)), tmp_path / "rootfs.tar")
    assert list(root.members) == ["etc", "etc/release", "etc/hosts", "h"]


def test_mke2fs_takes_it(tmp_path: Path) -> None:
    root = flat_root(tmp_path, layout(tmp_path, (BELOW, ABOVE)), tmp_path / "rootfs.tar")
    image = tmp_path / "image"
    write_image(image, root.tar, label="COS_ACTIVE", size=4 << 20, inodes=64, epoch=1735689600)
    shown = run([find("debugfs", "e2fsprogs"), "-R", "cat /etc/release", image], timeout=20).stdout
    assert shown == "new"
