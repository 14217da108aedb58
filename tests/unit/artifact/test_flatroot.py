"""The root of an image as one tar: folders before what is in them, whatever order its layers have."""

from __future__ import annotations

import tarfile
from pathlib import Path

from imagekit.artifact.ext import write_image
from imagekit.artifact.flatroot import FlatRoot, flat_root
from imagekit.artifact.programs import find
from imagekit.base.process import run
from tests.support.layout import directory, hard_link, layer, layout, member, symlink

FOLDERS = ("run", "dev", "boot", "usr", "usr/local", "oem", "proc", "sys", "tmp")
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
        names = [name for name in archive.getnames() if name not in FOLDERS]
        assert names == ["etc", "opt", "opt/tool", "etc/release", "opt/tool/run", "etc/hosts", "h"]
        assert archive.getmember("etc").mode == 0o750
    found = [root.read(path) for path in ("/etc/release", "/etc/hosts", "/h", "/opt/tool/run")]
    assert found == [b"new", b"x" * 3000, b"x" * 3000, b"y" * 700]
    assert [path.name for path in tmp_path.glob("rootfs*")] == ["rootfs.tar"]


def test_a_root_in_order_is_left_as_it_is(tmp_path: Path) -> None:
    whole = layer(*[directory(path) for path in FOLDERS], *[member("x", b"1")])
    root = flat_root(tmp_path, layout(tmp_path, (BELOW, whole)), tmp_path / "rootfs.tar")
    assert list(root.members) == [*FOLDERS, "x", "etc", "etc/release", "etc/hosts", "h"]


def modes(root: FlatRoot) -> dict[str, tuple[bytes, int]]:
    """Kind and mode of every member."""
    with tarfile.open(root.tar) as archive:
        return {each.name: (each.type, each.mode) for each in archive}


def test_a_root_has_what_the_agent_makes_in_every_image(tmp_path: Path) -> None:
    """K12: a real image has no /oem, and without it immucore leaves a bare read-only root."""
    root = flat_root(tmp_path, layout(tmp_path, (BELOW,)), tmp_path / "rootfs.tar")
    found = modes(root)
    assert {path: found[path] for path in FOLDERS if path in found} == {
        **dict.fromkeys(("run", "dev", "boot", "usr", "usr/local", "oem"), (tarfile.DIRTYPE, 0o755)),
        **dict.fromkeys(("proc", "sys"), (tarfile.DIRTYPE, 0o555)),
        "tmp": (tarfile.DIRTYPE, 0o1777),
    }


def test_what_the_image_has_of_them_stays_as_it_is(tmp_path: Path) -> None:
    theirs = layer(directory("oem", mode=0o700), directory("usr"), symlink("usr/local", "../var/usrlocal"))
    found = modes(flat_root(tmp_path, layout(tmp_path, (theirs,)), tmp_path / "rootfs.tar"))
    assert found["oem"] == (tarfile.DIRTYPE, 0o700)
    assert found["usr/local"] == (tarfile.SYMTYPE, 0o777)


def test_nothing_is_made_below_what_is_no_folder(tmp_path: Path) -> None:
    odd = layer(symlink("usr", "system/usr"))
    assert "usr/local" not in modes(flat_root(tmp_path, layout(tmp_path, (odd,)), tmp_path / "rootfs.tar"))


def test_what_an_upper_layer_removed_is_made_again(tmp_path: Path) -> None:
    below, above = layer(directory("oem", mode=0o700), member("oem/secret", b"s")), layer(member(".wh.oem"))
    found = modes(flat_root(tmp_path, layout(tmp_path, (below, above)), tmp_path / "rootfs.tar"))
    assert found["oem"] == (tarfile.DIRTYPE, 0o755)
    assert "oem/secret" not in found


def test_mke2fs_takes_it(tmp_path: Path) -> None:
    root = flat_root(tmp_path, layout(tmp_path, (BELOW, ABOVE)), tmp_path / "rootfs.tar")
    image = tmp_path / "image"
    write_image(image, root.tar, label="COS_ACTIVE", size=4 << 20, inodes=64, epoch=1735689600)
    shown = run([find("debugfs", "e2fsprogs"), "-R", "cat /etc/release", image], timeout=20).stdout
    assert shown == "new"
