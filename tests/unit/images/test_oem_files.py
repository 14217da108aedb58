"""The cloud-configs that images carry under /system/oem: known to the node's reader to the last key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

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
