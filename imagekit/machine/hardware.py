"""What a node with disks of its own is made of."""

from __future__ import annotations

import os
import secrets
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from imagekit.artifact.programs import busybox
from imagekit.base import process
from imagekit.machine.accel import Acceleration
from imagekit.machine.disks import DiskSource
from imagekit.machine.domain import (
    Disk,
    Domain,
    FirmwareState,
    Forward,
    Incoming,
    KernelStart,
    Link,
    Owner,
    domain_name,
    user_network,
)
from imagekit.machine.identity import NodeKeys, fresh_keys
from imagekit.machine.interface import BootPath, VmShape
from imagekit.machine.profile import load_profile
from imagekit.machine.saved import SavedNode


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRequest:
    """A node to have: `folder` keeps console.log, `work` is where its disks lie while it lives (never in memory).

    `disks` come first in the machine, in their order, then those that are taken as they are (`fixed`), then `media`
    (ISO images, only read). With a `direct` kernel QEMU starts that, past firmware and boot loader, and a restart of
    the guest ends the machine. `keys` are those that the disk was installed with or that a seed among the media brings.
    With `press_enter` GRUB's menu is not waited out; its own list of fallback entries then does not count, because GRUB
    uses it only when nobody touched the menu. `boot_path` is what its boots are recorded as: a machine without disks
    that starts from the ISO is on the live boot path. With a `link` it is in that network, and `forwards` and
    `open_network`, which are of QEMU's user network, do not count. With a `saved` node the first start is no boot: it
    continues that node, with its keys and over its disks.
    """

    name: str
    run_id: str
    folder: Path
    work: Path
    harness: Path
    disks: tuple[DiskSource, ...] = ()
    fixed: tuple[Disk, ...] = ()
    direct: KernelStart | None = None
    media: tuple[Path, ...] = ()
    keys: NodeKeys = field(default_factory=fresh_keys)
    shape: VmShape = field(default_factory=VmShape)
    forwards: tuple[Forward, ...] = ()
    open_network: bool = False
    press_enter: bool = True
    boot_path: BootPath = BootPath.INSTALLED
    saved: SavedNode | None = None
    link: Link | None = None
    uri: str | None = None


@dataclass(frozen=True, slots=True)
class NodeHardware:
    """What stays the same over all starts of a node, and the machine of one start."""

    request: NodeRequest
    emulator: Path
    speed: Acceleration
    folder: Path
    port: int
    name: str = field(init=False)
    uuid: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", domain_name(self.request.name, secrets.token_hex(4)))
        object.__setattr__(self, "uuid", str(uuid.uuid4()))

    @property
    def template(self) -> Path:
        """The file that decides the devices."""
        return self.request.harness / "domains" / "machine.xml.j2"

    def domain(
        self, disks: tuple[Disk, ...], media: tuple[Path, ...], log: Path, incoming: Incoming | None = None
    ) -> Domain:
        """The machine for one start."""
        request = self.request
        read_only = tuple(Disk(path=path.resolve(), serial=f"medium{number}") for number, path in enumerate(media))
        return Domain(
            name=self.name,
            uuid=self.uuid,
            genid=str(uuid.uuid4()),
            owner=Owner(
                pid=os.getpid(), started=process.start_time(os.getpid()), run=request.run_id, folder=self.folder
            ),
            accelerator=self.speed.accelerator,
            emulator=self.emulator,
            shape=request.shape,
            profile=load_profile(request.shape.firmware, request.harness),
            state=FirmwareState(nvram=self.folder / "nvram.fd", tpm=self.folder / "tpm"),
            direct=request.direct,
            disks=(*disks, *request.fixed, *read_only),
            console=log,
            incoming=incoming,
            netdev=_netdev(request, self.port),
        )


def _netdev(request: NodeRequest, port: int) -> str:
    if request.link is not None:
        return request.link.netdev
    relay = busybox() if request.forwards else None
    return user_network(port, request.forwards, relay=relay, open_network=request.open_network)


def sources(request: NodeRequest) -> tuple[DiskSource, ...]:
    """What its disks stand on: those of the request, or of the saved node."""
    if request.saved is None:
        return request.disks
    return tuple(DiskSource(serial=each.serial, backing=request.saved.disks[each.serial]) for each in request.disks)
