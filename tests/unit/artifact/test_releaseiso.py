"""Parts of the release ISO: its menu, and a root file system that is the same whenever it is packed."""

from __future__ import annotations

from pathlib import Path

from imagekit.artifact.programs import find
from imagekit.artifact.releaseiso import menu, squash
from imagekit.base.process import run
from tests.support.layout import directory, layer, member

EPOCH = 1735689600


def test_the_menu_begins_with_the_installer_and_every_line_is_a_live_boot() -> None:
    lines = [line.split() for line in menu().splitlines() if line.strip().startswith("linux ")]
    assert "install-mode" in lines[0]
    assert len(lines) == menu().count("menuentry ")
    for words in lines:
        assert {"root=live:CDLABEL=COS_LIVE", "rd.live.dir=/", "rd.live.squashimg=rootfs.squashfs"} <= set(words)
        assert not [word for word in words if "COS_ACTIVE" in word]
    assert "set default=0" in menu()


def test_the_root_folder_is_dated_like_the_image_and_all_content_is_kept(tmp_path: Path) -> None:
    tar = tmp_path / "rootfs.tar"
    # enough inodes that their table has several blocks, the root's being in the last
    files = [member(f"etc/file-{number}", b"x" * number) for number in range(900)]
    tar.write_bytes(layer(directory("etc"), *files))
    one, other = tmp_path / "one", tmp_path / "other"
    squash(tar, one, EPOCH)
    squash(tar, other, EPOCH)
    assert one.read_bytes() == other.read_bytes()
    reported = run([find("unsquashfs", "squashfs-tools"), "-UTC", "-lls", one], timeout=60).stdout
    (root,) = [line for line in reported.splitlines() if line.endswith(" squashfs-root")]
    assert "2025-01-01 00:00" in root
    run([find("unsquashfs", "squashfs-tools"), "-quiet", "-no-progress", "-dest", tmp_path / "tree", one], timeout=60)
    assert (tmp_path / "tree/etc/file-899").read_bytes() == b"x" * 899
