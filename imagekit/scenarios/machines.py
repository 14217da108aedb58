"""Nodes for scenarios: forks of one installed disk, and machines that start from the medium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagekit.artifact.live import LiveArtifacts
from imagekit.base.process import Completed, now
from imagekit.base.waiting import Deadline, wait_until
from imagekit.machine.boot import BootRequest, boot
from imagekit.machine.disks import DiskSource, create_disk
from imagekit.machine.domain import Disk, Forward
from imagekit.machine.errors import BootFailedError
from imagekit.machine.folder import owned_folder
from imagekit.machine.hardware import NodeRequest
from imagekit.machine.identity import agent_config, fresh_keys, seed_disk
from imagekit.machine.interface import BootPath, VmShape
from imagekit.machine.machine import NodeMachine
from imagekit.machine.node import InstalledNode, node

_STARTS = 8  # of a node that has to find its way back by itself
_LOGIN = "login:"
_UNTIL_SECONDS = 240.0
_DISK_MIB = 12 << 10


class ScenarioNode:
    """An installed node as scripts see it."""

    def __init__(self, machine: InstalledNode) -> None:
        self.pace = 1.0
        self._machine = machine
        self._spent = 0.0

    @property
    def boots(self) -> int:
        """Starts so far."""
        return self._machine.boot_count

    @property
    def boot_seconds(self) -> float:
        """Wall seconds of all boots, to the login or to where they hang."""
        return self._spent

    def run(self, command: str, *, timeout: float = 60.0) -> Completed:
        """Run a shell command as root."""
        return self._machine.run(command, timeout=timeout)

    def reboot(self) -> None:
        """Ask the node to reboot and wait for the next login; one start is allowed."""
        self._spent += self._machine.reboot().seconds_to_ssh

    def reboot_through(self) -> None:
        """Ask the node to reboot and wait for the next login, however often it crashes and starts again."""
        record = self._machine.reboot(boots=_STARTS, through_crashes=True)
        self._spent += record.seconds_to_ssh

    def reboot_twice(self) -> None:
        """Ask the node to reboot, let it do its work and restart by itself, and wait for the login after that."""
        begun = now()
        self._machine.ask_restart()
        self._machine.wait_restart()
        self._machine.expect_restart()
        self._machine.wait_restart(limit=_UNTIL_SECONDS * self.pace)
        self._machine.wait_boot()
        self._spent += now() - begun

    def reboot_until(self, words: str) -> bool:
        """Ask the node to reboot; whether the console says `words` before there is a login."""
        mark, begun = self._machine.console_mark(), now()
        self._machine.ask_restart()
        self._machine.wait_restart()
        return self._until(words, mark, begun)

    def start_until(self, words: str) -> bool:
        """Cut the power and give it again; whether the console says `words` before there is a login."""
        self.cut_power()
        mark, begun = self._machine.console_mark(), now()
        self._machine.start()
        return self._until(words, mark, begun)

    def cut_power(self) -> None:
        """Take the power away, now."""
        self._machine.cut_power()

    def start(self) -> None:
        """Give power again and wait for the login; the node may restart by itself on the way."""
        self._machine.start()
        self._spent += self._machine.wait_boot(boots=_STARTS, through_crashes=True).seconds_to_ssh

    def first_boot(self) -> None:
        """Give power for the first time and wait for the login; one start is allowed."""
        self._machine.start()
        first = self._machine.wait_boot()
        self.pace, self._spent = first.pace, self._spent + first.seconds_to_ssh

    def pause(self, seconds: float) -> None:
        """Let the node go on for so long."""
        end = Deadline.after(seconds)
        wait_until(lambda: end.passed, Deadline.after(seconds + 1), what="the moment of the power cut", every=0.02)

    def _until(self, words: str, mark: int, begun: float) -> bool:
        pattern = f"{re.escape(words)}|{_LOGIN}"
        line = self._machine.wait_console(pattern, limit=_UNTIL_SECONDS * self.pace, since=mark)
        if words in line:
            self._spent += now() - begun
            return True
        self._spent += self._machine.wait_boot(boots=_STARTS, through_crashes=True).seconds_to_ssh
        return False


class MediumNode:
    """A machine that runs from the medium until `boot_from_disk`; from then on the installed one."""

    def __init__(self, live: NodeMachine, leave: Callable[[], ScenarioNode]) -> None:
        self._live: NodeMachine | None = live
        self.pace = live.boot.pace
        self._live_seconds = live.boot.seconds_to_ssh
        self._leave = leave
        self._installed: ScenarioNode | None = None

    @property
    def boots(self) -> int:
        """Starts so far, that of the medium included."""
        return 1 + (self._installed.boots if self._installed else 0)

    @property
    def boot_seconds(self) -> float:
        """Wall seconds of all boots, to the login or to where they hang."""
        return self._live_seconds + (self._installed.boot_seconds if self._installed else 0.0)

    def run(self, command: str, *, timeout: float = 60.0) -> Completed:
        """Run a shell command as root."""
        if self._installed is not None:
            return self._installed.run(command, timeout=timeout)
        return self._medium.run(command, timeout=timeout)

    def boot_from_disk(self) -> None:
        """Cut the power, take the medium out, start, and wait for the login."""
        self._installed, self._live = self._leave(), None

    def reboot(self) -> None:
        """Ask the installed node to reboot and wait for the next login."""
        self._disk.reboot()

    @property
    def _medium(self) -> NodeMachine:
        assert self._live is not None
        return self._live

    @property
    def _disk(self) -> ScenarioNode:
        assert self._installed is not None
        return self._installed


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """What the machines of all scenarios share; `disk` is the installed disk, only read, `artifacts` make the medium.

    `folder` keeps the consoles, `work` is where disks lie while their machines live; `forwards` lead to the supply.
    """

    name: str
    run_id: str
    folder: Path
    work: Path
    harness: Path
    disk: Path
    artifacts: LiveArtifacts
    shape: VmShape
    forwards: tuple[Forward, ...] = ()
    cloud_config: Mapping[str, Any] = field(default_factory=dict)
    uri: str | None = None


class RigMachines:
    """Machines of a rig."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._keys = fresh_keys()
        self._on: list[ScenarioNode] = []
        self._aborted = False
        self.install_config = agent_config(self._keys, rig.name, rig.cloud_config)

    @contextmanager
    def installed(self, name: str, *, more_mib: int = 0) -> Iterator[ScenarioNode]:
        """A fork of the installed disk, booted; who may log in comes with a seed at this first boot."""
        size = (self._rig.disk.stat().st_size >> 20) + more_mib if more_mib else None
        with self._seed() as seed, self._started(self._request(name, self._rig.disk, (seed,), size)) as made:
            yield made

    @contextmanager
    def medium(self, name: str) -> Iterator[MediumNode]:
        """The live system, with an empty disk."""
        rig = self._rig
        with ExitStack() as stack:
            folder = stack.enter_context(owned_folder(rig.run_id, rig.work))
            disk = folder / "system.qcow2"
            create_disk(disk, size_mib=_DISK_MIB)
            live = stack.enter_context(ExitStack())
            machine = live.enter_context(boot(self._live(name, disk)))

            def leave() -> ScenarioNode:
                live.close()
                return stack.enter_context(self._started(self._request(f"{name}-disk", disk, ())))

            yield MediumNode(machine, leave)

    def abort(self) -> None:
        """Take the power from every machine and start no other one."""
        self._aborted = True
        for machine in list(self._on):
            machine.cut_power()

    @contextmanager
    def _started(self, request: NodeRequest) -> Iterator[ScenarioNode]:
        if self._aborted:
            raise BootFailedError("no machine is started any more: the run was interrupted")
        with node(request) as machine:
            made = ScenarioNode(machine)
            self._on.append(made)
            try:
                made.first_boot()
                yield made
            finally:
                self._on.remove(made)

    def _request(self, name: str, disk: Path, media: tuple[Path, ...], size_mib: int | None = None) -> NodeRequest:
        rig = self._rig
        return NodeRequest(
            name=rig.name,
            run_id=rig.run_id,
            folder=rig.folder / name,
            work=rig.work,
            harness=rig.harness,
            disks=(DiskSource(backing=disk, size_mib=size_mib),),
            media=media,
            keys=self._keys,
            shape=rig.shape,
            forwards=rig.forwards,
            uri=rig.uri,
        )

    def _live(self, name: str, disk: Path) -> BootRequest:
        rig = self._rig
        return BootRequest(
            name=rig.name,
            run_id=rig.run_id,
            artifacts=rig.artifacts,
            folder=rig.folder / name,
            harness=rig.harness,
            boot_path=BootPath.LIVE,
            shape=rig.shape,
            cloud_config=rig.cloud_config,
            disks=(Disk(path=disk, serial="system", readonly=False, format="qcow2"),),
            uri=rig.uri,
        )

    @contextmanager
    def _seed(self) -> Iterator[Path]:
        with owned_folder(self._rig.run_id) as folder:
            yield seed_disk(self._keys, self._rig.name, folder, self._rig.cloud_config)
