"""Sizes of an installed disk: Kairos's sums, room for an upgrade, nothing that overlaps."""

from __future__ import annotations

import pytest

from imagekit.artifact.partitions import BLOCK, GIB, MIB, image_bytes, inodes_for, least_size, plan_disk
from imagekit.base.errors import ConfigError


def test_sizes_are_those_of_a_node_that_the_agent_installed() -> None:
    # seen: a root of 829 MiB gave an image of 929, recovery 2058 and state 3787
    plan = plan_disk(929 * MIB, 24 * GIB)
    assert (plan.recovery.size // MIB, plan.state.size // MIB) == (2058, 3787)
    assert [part.label for part in plan.partitions][1:] == [
        *("COS_GRUB", "COS_OEM", "COS_RECOVERY", "COS_STATE", "COS_PERSISTENT")
    ]


@pytest.mark.parametrize("size", [None, 8 * GIB, 100 * GIB])
def test_partitions_follow_one_another_and_end_before_the_second_table(size: int | None) -> None:
    plan = plan_disk(500 * MIB, size)
    ends = [MIB, *(part.offset + part.size for part in plan.partitions)]
    assert [part.offset for part in plan.partitions] == ends[:-1]
    assert plan.size - ends[-1] == MIB
    assert plan.size == size or size is None


def test_a_new_image_fits_beside_both_old_ones() -> None:
    plan = plan_disk(700 * MIB)
    assert plan.state.size - 3 * plan.image_size == 1000 * MIB


def test_a_disk_that_is_too_small_is_refused_with_the_size_that_fits() -> None:
    least = least_size(500 * MIB)
    assert plan_disk(500 * MIB, least).persistent.size == 1024 * MIB
    with pytest.raises(ConfigError) as caught:
        plan_disk(500 * MIB, least - MIB)
    assert f"{-(-least // GIB)}G" in caught.value.hint
    with pytest.raises(ConfigError, match="whole MiB"):
        plan_disk(500 * MIB, least + 512)


def test_an_image_has_room_for_its_content_its_inodes_and_a_hundred_mebibytes() -> None:
    inodes = inodes_for(1000)
    assert inodes > 1000
    assert image_bytes(1000, inodes) % MIB == 0
    assert image_bytes(1000, inodes) >= 1000 * BLOCK + inodes * 256 + 100 * MIB
