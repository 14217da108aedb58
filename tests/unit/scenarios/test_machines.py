"""Where the nodes of scenarios come from, on a simulated hypervisor: one first boot, and forks of it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.artifact.live import LiveArtifacts
from imagekit.config.load import load_project
from imagekit.machine.errors import BootFailedError
from imagekit.machine.interface import Start, VmShape
from imagekit.scenarios.machines import Rig, RigMachines
from tests.support.project import make_project
from tests.support.simprovider import Saves, SimProvider, logged_in
from tests.support.tinykernel import artifacts

pytestmark = [
    pytest.mark.usefixtures("logged_in"),
    pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed"),
]

__all__ = ["logged_in"]

_BOOTED = b"[    0.000000] Linux version 6.12\n"


@pytest.fixture
def world() -> SimProvider:
    return SimProvider(says=_BOOTED)


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """What the machines stand on: a disk of nothing, and a seed that says nothing."""

    def seed(keys: object, name: str, folder: Path, config: object) -> Path:
        (folder / "seed.iso").touch()
        return folder / "seed.iso"

    monkeypatch.setattr("imagekit.scenarios.machines.seed_disk", seed)
    project = load_project(make_project(tmp_path / "project"))
    for name in ("work", "scratch", "consoles", "left"):
        (tmp_path / name).mkdir()
    disk = tmp_path / "disk.raw"
    with disk.open("wb") as stream:
        stream.truncate(8 << 20)
    return Rig(
        name="small-node",
        run_id=secrets.token_hex(4),
        folder=tmp_path / "consoles",
        work=tmp_path / "work",
        scratch=tmp_path / "scratch",
        harness=project.harness,
        disk=disk,
        artifacts=_medium(tmp_path),
        shape=VmShape(),
    )


def _medium(folder: Path) -> LiveArtifacts:
    return artifacts(folder / "left", "x")


def starts(machines: RigMachines, names: Sequence[str], **kwargs: int) -> list[Start]:
    """How the nodes of scenarios begin, one after another."""
    found = []
    for name in names:
        with machines.installed(name, **kwargs) as node:
            found.append(node.began)
    return found


def test_one_node_is_booted_and_every_scenario_continues_it(rig: Rig, world: SimProvider) -> None:
    machines = RigMachines(rig, connect=world.connect)
    assert starts(machines, ("reset", "rollback", "unsigned")) == [Start.FORK] * 3
    booted = [guest for guest in world.guests if guest.domain.incoming is None]
    assert len(booted) == 1
    assert len(world.guests) == 4


def test_two_at_once_wait_for_the_one_that_boots(rig: Rig, world: SimProvider) -> None:
    machines = RigMachines(rig, connect=world.connect)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda name: starts(machines, (name,)), ("reset", "rollback")))
    assert found == [[Start.FORK], [Start.FORK]]
    assert len([guest for guest in world.guests if guest.domain.incoming is None]) == 1


def test_each_fork_writes_to_a_disk_of_its_own(rig: Rig, world: SimProvider) -> None:
    machines = RigMachines(rig, connect=world.connect)
    with machines.installed("reset"), machines.installed("rollback"):
        one, two = (guest.domain.disks[0].path for guest in world.guests[1:])
        assert one != two
        assert [one.exists(), two.exists()] == [True, True]
    assert [one.exists(), two.exists()] == [False, False]


def test_a_fork_has_had_no_start_and_keeps_the_pace_of_its_boot(rig: Rig, world: SimProvider) -> None:
    machines = RigMachines(rig, connect=world.connect)
    with machines.installed("reset") as node:
        assert node.boots == 0
        assert node.pace >= 1.0
        node.cut_power()
        node.start()
        assert node.boots == 1
        assert node.began is Start.FORK
        assert world.guests[-1].domain.incoming is None


@pytest.mark.parametrize("change", [{"cold": True}, {"shape": VmShape(tpm=True)}])
def test_cold_is_cold(rig: Rig, world: SimProvider, change: dict[str, object]) -> None:
    machines = RigMachines(replace(rig, **change), connect=world.connect)  # type: ignore[arg-type]
    assert starts(machines, ("reset", "rollback")) == [Start.COLD] * 2
    assert len(world.guests) == 2


def test_a_larger_disk_is_another_machine(rig: Rig, world: SimProvider) -> None:
    machines = RigMachines(rig, connect=world.connect)
    assert starts(machines, ("upgrade",), more_mib=8) == [Start.COLD]
    assert len(world.guests) == 1


def test_a_node_that_cannot_be_saved_is_booted_by_each_and_not_saved_again(rig: Rig, world: SimProvider) -> None:
    world.saves = Saves.NO_ROOM
    machines = RigMachines(rig, connect=world.connect)
    assert starts(machines, ("reset", "rollback")) == [Start.COLD] * 2
    assert len(world.guests) == 3


def test_a_state_that_qemu_rejects_is_a_boot(rig: Rig, world: SimProvider) -> None:
    world.rejects = "Unknown savevm section"
    machines = RigMachines(rig, connect=world.connect)
    assert starts(machines, ("reset",)) == [Start.COLD]


def test_a_state_that_was_altered_is_a_boot(rig: Rig, world: SimProvider) -> None:
    machines = RigMachines(rig, connect=world.connect)
    assert starts(machines, ("reset",)) == [Start.FORK]
    [state] = rig.scratch.rglob("state")
    state.write_bytes(state.read_bytes()[:-1] + b"\0")
    assert starts(machines, ("rollback",)) == [Start.COLD]


def test_an_image_that_does_not_boot_fails_the_scenario_and_not_the_run(rig: Rig, world: SimProvider) -> None:
    world.dies = True
    machines = RigMachines(rig, connect=world.connect)
    with pytest.raises(BootFailedError), machines.installed("reset"):
        pass


def test_after_an_interruption_no_machine_is_started(rig: Rig, world: SimProvider) -> None:
    machines = RigMachines(rig, connect=world.connect)
    with machines.installed("reset"):
        machines.abort()
        assert not any(guest.running for guest in world.guests)
    number = len(world.guests)
    with pytest.raises(BootFailedError, match="interrupted"), machines.installed("rollback"):
        pass
    assert len(world.guests) == number


def test_nothing_is_left_of_a_run_that_is_killed_while_it_saves(rig: Rig, world: SimProvider) -> None:
    world.saves = Saves.KILLED
    machines = RigMachines(rig, connect=world.connect)
    with pytest.raises(KeyboardInterrupt), machines.installed("reset"):
        pass
    assert list(rig.scratch.rglob("state")) == []
    assert not any(guest.running for guest in world.guests)
