"""The version in an image file is read with e2fsprogs alone, so that it is found in the one that runs, too.

On a node of real Kairos (4.2, Linux 6.12) passive.img is after an upgrade the root that runs, and a second mount of it
ended with "fsconfig() failed: /dev/loop0: Can't open blockdev."
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from imagekit.base.process import Completed, run
from imagekit.scenarios import ask
from imagekit.scenarios.errors import PromiseBrokenError
from tests.support.simnode import FIRST, SimNode, SimSupply

RELEASE = 'KAIROS_INIT_VERSION="v4.2.0"\nKAIROS_VERSION="v2.0.0"\n'


class Local(SimNode):
    """A node whose images are files here, which nobody may mount."""

    def run(self, command: str, *, timeout: float = 60.0) -> Completed:
        assert "mount" not in command
        return run(shlex.split(command), timeout=timeout)


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Local:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/kairos-release").write_text(RELEASE)
    run(["mke2fs", "-q", "-t", "ext2", "-d", root, tmp_path / "passive.img", "1M"], timeout=60)
    monkeypatch.setattr(ask, "IMAGES", str(tmp_path))
    return Local(SimSupply())


def test_it_is_read_from_the_file_system_itself(node: Local) -> None:
    assert ask.image_version(node, "passive.img") == "v2.0.0"


def test_an_image_that_is_not_there_has_none(node: Local) -> None:
    with pytest.raises(PromiseBrokenError, match=r"active\.img names no version: .*(No such file|not open)"):
        ask.image_version(node, "active.img")


def test_the_simulated_node_answers_alike() -> None:
    assert ask.image_version(SimNode(SimSupply()), "passive.img") == FIRST
