"""One machine on a hypervisor at hand: its record, its disk and seed, its definition, and its start."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path

from imagekit.app.machinefiles import disk_of, make_files
from imagekit.config.load import Project
from imagekit.machine.domain import Disk, Domain, FirmwareState, Mark, Owner
from imagekit.machine.interface import VmShape
from imagekit.machine.persistent import Hypervisor
from imagekit.machine.ports import is_free, reserved_port
from imagekit.machine.profile import load_profile
from imagekit.provision.machines.kept import Kept, Store
from imagekit.provision.machines.network import user_network
from imagekit.provision.machines.wanted import Wanted

_TEMPLATE = Path("domains/node.xml.j2")


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes machines of a project on a hypervisor; `network` is one of libvirt's, else each gets one of QEMU's own."""

    project: Project
    store: Store
    hypervisor: Hypervisor
    network: str

    def make(self, wanted: Wanted, *, anew: bool) -> None:
        """A machine from nothing, or again known to the hypervisor with the files that it has."""
        kept = self._fresh(wanted) if anew else self.store.machines()[wanted.name]
        self._define(wanted, kept)
        self.store.write(kept.model_copy(update={"complete": True}))
        if wanted.on:
            self.start(wanted, self.store.machines()[wanted.name])

    def _define(self, wanted: Wanted, kept: Kept) -> None:
        self.hypervisor.define(self._domain(wanted, kept), self.project.harness / _TEMPLATE)

    def start(self, wanted: Wanted, kept: Kept) -> None:
        """Switch on; with another port where somebody took the one that it had while it was off."""
        if kept.port and not is_free(kept.port):
            with reserved_port() as port:
                kept = kept.model_copy(update={"port": port})
            self._define(wanted, kept)
            self.store.write(kept)
        self.hypervisor.start(wanted.name)

    def _fresh(self, wanted: Wanted) -> Kept:
        """Its record first, so that whatever is left after a kill is known to be ours; then disk and seed."""
        disk = disk_of(self.project, self.store, wanted)
        self.hypervisor.remove(wanted.name)  # half-made by us, or not there: the plan saw to that
        self.store.remove(wanted.name)
        with reserved_port() as port:
            kept = Kept(
                name=wanted.name,
                node=wanted.node,
                cluster=wanted.cluster,
                reference=str(wanted.reference),
                checksum=wanted.checksum,
                uuid=str(uuid.uuid4()),
                token=secrets.token_hex(32),
                made_of=wanted.made_of,
                port=0 if self.network else port,
                address=str(wanted.address or ""),
                network=self.network,
            )
        self.store.write(kept)
        kept = kept.model_copy(update={"host_key": make_files(self.store.folder(wanted.name), wanted, disk)})
        self.store.write(kept)
        return kept

    def _domain(self, wanted: Wanted, kept: Kept) -> Domain:
        folder = self.store.folder(wanted.name)
        shape = VmShape(memory_mib=wanted.memory_mib, cpus=wanted.cpus, firmware=wanted.firmware, tpm=wanted.tpm)
        console = folder / "console.log"
        console.touch(mode=0o600)
        return Domain(
            name=wanted.name,
            uuid=kept.uuid,
            genid=kept.uuid,
            owner=Owner(pid=0, started=0.0, run="", folder=folder),
            accelerator=self.hypervisor.acceleration((folder,)).accelerator,
            emulator=self.hypervisor.emulator,
            shape=shape,
            profile=load_profile(wanted.firmware, self.project.harness),
            state=FirmwareState(nvram=folder / "nvram.fd", tpm=folder / "tpm"),
            direct=None,
            disks=(
                Disk(path=folder / "disk.qcow2", serial="system", readonly=False, format="qcow2"),
                Disk(path=folder / "cidata.iso", serial="cidata"),
            ),
            console=console,
            netdev="" if kept.network else user_network(kept.port, wanted.address),
            mark=Mark(token=kept.token, node=kept.node, image=kept.reference),
            mac=wanted.mac,
            network=kept.network,
        )
