"""The cloud-configs that images carry under /system/oem: known to the node's reader to the last key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from imagekit.base.process import run
from imagekit.config.cloudconfig import STAGES
from imagekit.config.cloudstep import Document
from imagekit.config.goyaml import Text

ROOT = Path(__file__).parents[3]
FILES = sorted(path for path in (ROOT / "images").rglob("system/oem/*.yaml"))
STANDIN = ROOT / "images/kairos-init-standin/src/kinit/files/cloudconfigs/system/oem"


def as_written(node: yaml.Node | None) -> Any:
    """The file's own text, with aliases followed: unlike a profile, a file of the image may have them."""
    match node:
        case yaml.MappingNode():
            return {as_written(key): as_written(value) for key, value in node.value}
        case yaml.SequenceNode():
            return [as_written(item) for item in node.value]
        case yaml.ScalarNode():
            return Text(node.value, node.style or "")
        case _:
            return {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_the_image_says_only_what_the_reader_knows(path: Path) -> None:
    data = as_written(yaml.compose(path.read_text(), Loader=yaml.SafeLoader))
    document = Document.model_validate(data)
    assert set(document.stages) <= STAGES
    assert document.stages


def test_the_persistent_partition_grows_as_on_kairos() -> None:
    """W29: docs/disks.md promises it. The step is that of kairos-init v0.17's 00_rootfs.yaml."""
    data = as_written(yaml.compose((STANDIN / "00_rootfs.yaml").read_text(), Loader=yaml.SafeLoader))
    (step,) = Document.model_validate(data).stages["rootfs.after"]
    assert step.name == "Grow persistent"
    assert step.layout.device.label == "COS_PERSISTENT"
    assert step.layout.expand_partition is not None
    assert step.layout.expand_partition.size == 0
    assert "recovery_mode" in step.condition
    assert "live_mode" in step.condition
    assert 'step "Grow persistent"' in (ROOT / "docs/disks.md").read_text()


GROW = ROOT / "images/base/files/system/oem/38_imagekit_grow.yaml"
_PROGRAM = "#!/bin/sh\necho ${0##*/} $* >>%s\n%s\n"


def grown(folder: Path, *, partition: bool = True, table_known: bool = True) -> list[str]:
    """What the step of the base layer calls on a node whose COS_PERSISTENT is vda6, or on a device mapper."""
    (script,) = Document.model_validate(as_written(yaml.compose(GROW.read_text(), Loader=yaml.SafeLoader))).stages["fs"]
    device, called = folder / "block/vda/vda6", folder / "called"
    device.mkdir(parents=True)
    if partition:
        (device / "partition").write_text("6\n")
    programs = {
        "findmnt": "echo 254:6",
        "readlink": f"[ $2 = /sys/dev/block/254:6 ] && echo {device}",
        "partx": f"exit {0 if table_known else 1}",
        "resize2fs": "",
    }
    for name, does in programs.items():
        (folder / name).write_text(_PROGRAM % (called, does))
        (folder / name).chmod(0o755)
    path = f"{folder}:/usr/bin:/bin"
    for command in script.commands:
        run(["sh", "-c", command], timeout=20, env={"PATH": path}, ok=range(256))
    return [line for line in called.read_text().splitlines() if not line.startswith(("findmnt", "readlink"))]


def test_the_persistent_partition_is_used_to_its_end(tmp_path: Path) -> None:
    """Kairos lengthens it in the table alone; the kernel is told, then the file system grows."""
    assert grown(tmp_path) == ["partx --update --nr 6 /dev/vda", "resize2fs /dev/vda6"]


def test_an_encrypted_persistent_partition_is_left_alone(tmp_path: Path) -> None:
    assert grown(tmp_path, partition=False) == []


def test_no_file_system_grows_into_what_the_kernel_does_not_know(tmp_path: Path) -> None:
    assert grown(tmp_path, table_known=False) == ["partx --update --nr 6 /dev/vda"]
