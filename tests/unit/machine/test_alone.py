"""A node that must find its way by itself: nobody touches its menu, and each of its starts has a boot's time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from imagekit.base import process
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


class _Power:
    """A machine that is always busy; `looks` counts how often somebody asked whether it runs."""

    crashed = False

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.looks = 0
        self.at: dict[int, Callable[[], object]] = {}

    @property
    def running(self) -> bool:
        self.looks += 1
        self.at.get(self.looks, lambda: None)()
        return True

    def cpu_seconds(self) -> float:
        return 10 * process.now()

    def press_enter(self) -> None:
        self.keys.append("ret")

    def off(self) -> None:
        return


@pytest.fixture
def power() -> _Power:
    return _Power()


@pytest.fixture
def machine(tmp_path: Path, power: _Power) -> Iterator[InstalledNode]:
    """A node that never comes to a login."""
    with reserved_port() as port:
        yield InstalledNode(
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


@pytest.mark.parametrize(("alone", "pressed"), [(False, True), (True, False)], ids=["awaited", "after a power cut"])
def test_the_menu_of_a_node_that_must_come_back_by_itself_is_waited_out(
    machine: InstalledNode, power: _Power, alone: bool, pressed: bool
) -> None:
    machine.console.write_text(MENU)
    with pytest.raises(BootFailedError, match="in vain"):
        machine.wait_boot(limit=1.0, boots=2, through_crashes=alone)
    assert bool(power.keys) is pressed


def test_every_start_has_the_time_of_a_boot(machine: InstalledNode, power: _Power) -> None:
    def started() -> None:
        with machine.console.open("a") as console:
            console.write(MENU)

    power.at = {7: started, 14: started}  # a look is a tenth of a second: never a whole second without a start
    begun = process.now()
    with pytest.raises(BootFailedError, match="in vain"):
        machine.wait_boot(limit=1.0, boots=8, through_crashes=True)
    assert machine.boot_count == 2
    assert process.now() - begun > 2.0


def test_a_node_that_may_start_once_has_the_time_of_one_boot(machine: InstalledNode, power: _Power) -> None:
    power.at = {7: lambda: machine.console.write_text(MENU)}
    with pytest.raises(BootFailedError, match="waited 1 s"):
        machine.wait_boot(limit=1.0)
