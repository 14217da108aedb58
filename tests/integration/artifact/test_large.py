"""W8: a root file system of more than 4 GiB fits on a medium (talos#10887, rear#323)."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.artifact.programs import find, iso_tool
from imagekit.base.process import run


@pytest.mark.nightly(minutes=1)
def test_a_file_of_more_than_4_gib_is_on_the_medium(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    with (tree / "rootfs.squashfs").open("wb") as stream:
        stream.truncate(4300 << 20)
    medium = tmp_path / "medium.iso"
    run([*iso_tool(), "-quiet", "-r", "-J", "-o", medium, tree], timeout=300)
    listed = run([find("xorriso", "xorriso"), "-indev", medium, "-lsl", "/rootfs.squashfs"], timeout=60).stdout
    assert str(4300 << 20) in listed
