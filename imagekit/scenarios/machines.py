"""Where the nodes of scenarios come from: forks of one saved node, of one installed disk, and the medium."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from imagekit.artifact.live import LiveArtifacts
from imagekit.base.errors import ImagekitError
from imagekit.base.log import trouble
from imagekit.machine.alive import end_all
from imagekit.machine.boot import BootRequest, boot
from imagekit.machine.disks import DiskSource, create_disk
from imagekit.machine.domain import Disk, Forward
from imagekit.machine.folder import owned_folder, seen_by
from imagekit.machine.hardware import NodeRequest
from imagekit.machine.identity import agent_config, fresh_keys, seed_disk
from imagekit.machine.interface import BootPath, VmShape
from imagekit.machine.libvirt.provider import connect as libvirt
from imagekit.machine.node import InstalledNode, node
from imagekit.machine.provider import Connect
from imagekit.machine.saved import SavedNode
from imagekit.scenarios.firstboot import FirstBoot
from imagekit.scenarios.nodes import MediumNode, ScenarioNode

_DISK_MIB = 12 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """What the machines of all scenarios share; `disk` is the installed disk, only read, `artifacts` make the medium.

    `folder` keeps the consoles, `work` is where disks lie while their machines live; `forwards` lead to the supply.
    With `cold` every scenario boots its node itself, where else it continues a saved one; `scratch` goes with the run.
    `first_boot` is the folder of that one's console.
    """

    name: str
    run_id: str
    folder: Path
    work: Path
    scratch: Path
    harness: Path
    disk: Path
    artifacts: LiveArtifacts
    shape: VmShape
    forwards: tuple[Forward, ...] = ()
    cloud_config: Mapping[str, Any] = field(default_factory=dict)
    cold: bool = False
    uri: str | None = None
    first_boot: str = "first-boot"


class RigMachines:
    """Machines of a rig."""

    def __init__(self, rig: Rig, *, connect: Connect = libvirt) -> None:
        self._rig = rig
        self._connect = connect
        self._keys = fresh_keys()
        self._first = FirstBoot(rig.scratch / "first-boot", self._booted)
        self.install_config = agent_config(self._keys, rig.name, rig.cloud_config)

    @contextmanager
    def installed(self, name: str, *, more_mib: int = 0) -> Iterator[ScenarioNode]:
        """A node from the installed disk, up; who may log in comes with a seed at its first boot.

        A larger disk is another machine than the saved one, and one with a TPM cannot be saved: these boot.
        """
        with ExitStack() as stack:
            made = None
            if not (more_mib or self._rig.cold or self._rig.shape.tpm):
                made = self._forked(stack, name)
            yield made or stack.enter_context(self._begun(name, more_mib=more_mib))

    def _forked(self, stack: ExitStack, name: str) -> ScenarioNode | None:
        """A fork that lives as long as `stack`; None where there cannot be one, for whatever reason: that is said."""
        with ExitStack() as attempt:
            try:
                saved = attempt.enter_context(self._first.saved())
                made = attempt.enter_context(self._begun(name, saved=saved))
            except (ImagekitError, OSError) as error:
                trouble(f"{name} boots its node: {str(error).splitlines()[0]}", blocks=False)
                return None
            stack.push(attempt.pop_all())
            return made

    @contextmanager
    def _booted(self) -> Iterator[InstalledNode]:
        """The node to save."""
        with self._made(self._rig.first_boot) as machine:
            ScenarioNode(machine).begin(None)
            yield machine

    @contextmanager
    def medium(self, name: str) -> Iterator[MediumNode]:
        """The live system, with an empty disk."""
        rig = self._rig
        with ExitStack() as stack:
            folder = stack.enter_context(owned_folder(rig.run_id, rig.work))
            disk = folder / "system.qcow2"
            create_disk(disk, size_mib=_DISK_MIB)
            live = stack.enter_context(ExitStack())
            machine = live.enter_context(boot(self._live(name, disk), connect=self._connect))

            def leave() -> ScenarioNode:
                live.close()
                machine = stack.enter_context(node(self._request(f"{name}-disk", disk, ()), connect=self._connect))
                made = ScenarioNode(machine)
                made.begin(None)
                return made

            yield MediumNode(machine, leave)

    def abort(self) -> None:
        """Take the power from every machine and start no other one."""
        end_all(self._rig.run_id)

    @contextmanager
    def _begun(self, name: str, *, more_mib: int = 0, saved: SavedNode | None = None) -> Iterator[ScenarioNode]:
        with self._made(name, more_mib=more_mib, saved=saved) as machine:
            made = ScenarioNode(machine)
            made.begin(saved)
            yield made

    @contextmanager
    def _made(self, name: str, *, more_mib: int = 0, saved: SavedNode | None = None) -> Iterator[InstalledNode]:
        """A node that is off, over the installed disk."""
        size = (self._rig.disk.stat().st_size >> 20) + more_mib if more_mib else None
        with self._seed() as seed:
            request = replace(self._request(name, self._rig.disk, (seed,), size), saved=saved)
            with node(request, connect=self._connect) as machine:
                yield machine

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
        with owned_folder(self._rig.run_id, seen_by(self._rig.uri, self._rig.work)) as folder:
            yield seed_disk(self._keys, self._rig.name, folder, self._rig.cloud_config)
