"""Which mounts a killed daemon left."""

from __future__ import annotations

from pathlib import Path

from imagekit.services.mounts import below

MOUNTINFO = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
43 27 254:0 /p/data /p/data rw,relatime - ext4 /dev/vda rw
44 43 0:50 / /p/data/snapshots/1\\040a rw - overlay overlay rw
45 27 0:51 / /p/data2 rw - tmpfs tmpfs rw
"""


def test_mounts_at_and_below_deepest_first() -> None:
    assert below(Path("/p/data"), MOUNTINFO) == [Path("/p/data/snapshots/1 a"), Path("/p/data")]


def test_neighbours_are_left_alone() -> None:
    assert below(Path("/p/other"), MOUNTINFO) == []
