"""GRUB's menu: left by a key where a boot is awaited, and not touched where a node must find its way by itself."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from imagekit.machine import ssh
from imagekit.machine.disks import DiskSet
from imagekit.machine.errors import BootFailedError
from imagekit.machine.hardware import NodeHardware, NodeRequest
from imagekit.machine.interface import SshTarget
from imagekit.machine.node import InstalledNode
from imagekit.machine.ports import reserved_port
from imagekit.machine.power import Power

HARNESS = Path(__file__).parents[3] / "vm-harness"
# What a node of real Kairos says when the power went between the two renames of an upgrade: there is no active.img
# then, and GRUB takes the next of its `fallback` entries, unless a key was pressed in the menu.
MENU = "Welcome to GRUB!\nGNU GRUB  version 2.12\n"


@pytest.mark.parametrize(("alone", "pressed"), [(False, True), (True, False)], ids=["awaited", "after a power cut"])
def test_the_menu_of_a_node_that_must_come_back_by_itself_is_waited_out(
    tmp_path: Path, alone: bool, pressed: bool
) -> None:
    keys: list[str] = []
    power = SimpleNamespace(
        running=True, crashed=False, cpu_seconds=lambda: 0.0, press_enter=lambda: keys.append("ret"), off=lambda: None
    )
    with reserved_port() as port:
        made = InstalledNode(
            request=NodeRequest(name="node", run_id="t-menu", folder=tmp_path, work=tmp_path, harness=HARNESS),
            hardware=cast("NodeHardware", SimpleNamespace(name="node", speed=SimpleNamespace(scaled=lambda s: s))),
            target=SshTarget(
                host="127.0.0.1",
                port=port,
                user="kairos",
                key=tmp_path,
                known_hosts=tmp_path,
                config=tmp_path,
                alias=ssh.ALIAS,
            ),
            power=cast("Power", power),
            disks=cast("DiskSet", None),
            qemu_version="10.0.0",
        )
        made.console.write_text(MENU)
        with pytest.raises(BootFailedError, match="in vain"):
            made.wait_boot(limit=1.0, boots=2, through_crashes=alone)
    assert bool(keys) is pressed
