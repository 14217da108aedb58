"""A change that cuts the node off is taken back by NetworkManager itself. The last file: it cuts SSH."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from imagekit.checks.until import until

pytestmark = pytest.mark.runbook("cut-off")
CARD, BAD = "enp0s16", "192.0.2.99"
MANAGER = "org.freedesktop.NetworkManager"
NOW = f"ip -br -4 address show dev {CARD} | tr -s ' '"
# nm-dbus-interface: CheckpointCreate(devices, seconds, flags); no devices: all of them.
# One script, for the connection that would ask the next question is the one that is cut.
CHANGE = f"""
busctl call {MANAGER} /{MANAGER.replace(".", "/")} {MANAGER} CheckpointCreate aouu 0 25 0 >/dev/null || exit 1
nmcli device modify {CARD} ipv4.method manual ipv4.addresses {BAD}/24 ipv4.gateway '' >/dev/null 2>&1
{until(f"{NOW} | grep -q {BAD}", 10)}
echo "cut: $({NOW})"
{until(f"! {NOW} | grep -q {BAD} && {NOW} | grep -q 10.0.2.15", 45)}
echo "back: $({NOW})"
"""


def test_a_bad_change_under_a_checkpoint_is_taken_back(root: Host) -> None:
    """An address that cuts SSH off is gone when the checkpoint ends, and the one before is back."""
    before = root.run(f"ip -br -4 address show dev {CARD}").stdout
    assert "10.0.2.15/24" in before
    done = root.run(CHANGE)
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    assert done.rc == 0, f"no checkpoint: {done.stderr}"
    assert BAD in said.get("cut", ""), f"the bad address was not even taken: {done.stdout}{done.stderr}"
    assert "10.0.2.15/24" in said.get("back", ""), f"NetworkManager did not go back: {done.stdout}"
    assert BAD not in said["back"]
