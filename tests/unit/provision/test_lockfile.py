"""fleet/fleet.lock as a file: what cannot be compared by the systems that read it is refused."""

from __future__ import annotations

import pytest

from imagekit.base.errors import ConfigError
from imagekit.provision.lockfile import FleetLock, parse_lock

DIGEST, BARE = "sha256:" + "a" * 64, "b" * 64
RIGHT = f"""\
version: 1
releases:
  "{DIGEST}":
    image: node
    version: v1
    disks: {{qcow2: {{sha256: {BARE}}}}}
"""


def test_a_lock_is_read() -> None:
    assert parse_lock(RIGHT).releases[DIGEST].disks["qcow2"].sha256 == BARE
    assert parse_lock("version: 1\n") == FleetLock()


@pytest.mark.attack
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (BARE, f'"sha256:{BARE}"'),  # VirtRigaud compares bare hex, and a prefix never matches
        (BARE, BARE.upper()),
        (BARE, "b" * 63),
        (DIGEST, "a" * 64),
        (DIGEST, "sha256:" + "a" * 12),
        ("qcow2", "iso"),
        ("version: v1", "version: 'v 1'"),
        ("image: node", "image: node:v1"),
        ("image: node", "image: node\n    k0s: v1.36.3-k0s.2"),
    ],
)
def test_what_no_system_can_compare_is_refused(old: str, new: str) -> None:
    assert old in RIGHT
    with pytest.raises(ConfigError, match=r"fleet\.lock:"):
        parse_lock(RIGHT.replace(old, new))
