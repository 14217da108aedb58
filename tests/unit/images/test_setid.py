"""FIL-01 on a real node: what the framework's packages bring with set-id bits loses them where no layer declares it."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

BASE = Path(__file__).parents[3] / "images/base"
# As control FIL-01 found them on a node of real Kairos (4.2) on Debian 13, 2026-11-30.
BROUGHT = {
    "/usr/bin/fusermount3",
    "/usr/lib/polkit-1/polkit-agent-helper-1",
    "/usr/sbin/lldpcli",
    "/usr/sbin/mount.nfs",
}


def test_what_kairos_init_brings_loses_its_bits_and_nothing_that_is_declared_does() -> None:
    found = re.search(
        r"for program in (.*?); do\n\s+\[ ! -f .*? chmod ug-s", (BASE / "setup.sh").read_text(), re.DOTALL
    )
    assert found is not None
    lost = set(found.group(1).replace("\\\n", " ").split())
    assert lost >= BROUGHT
    assert not lost & set(yaml.safe_load((BASE / "layer.yaml").read_text())["hardening"]["setuid"])
