"""From artifacts to a machine one can log in to, and back to nothing."""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagekit.artifact.live import LiveArtifacts, live_iso
from imagekit.artifact.programs import busybox, find
from imagekit.artifact.seed import fast_overlay
from imagekit.base import process
from imagekit.base.log import step
from imagekit.machine import ssh
from imagekit.machine.accel import Acceleration, acceleration
from imagekit.machine.banner import BannerProbe
from imagekit.machine.console import Console, load_patterns
from imagekit.machine.domain import (
    MACHINE,
    ROOT_SERIAL,
    Disk,
    Domain,
    FirmwareState,
    Forward,
    KernelStart,
    Owner,
    domain_name,
    domain_xml,
    kernel_arguments,
    user_network,
)
from imagekit.machine.errors import HypervisorError
from imagekit.machine.folder import owned_folder
from imagekit.machine.identity import NodeKeys, fresh_keys, node_identity, seed_disk
from imagekit.machine.interface import BootPath, BootRecord, VmShape
from imagekit.machine.libvirt import connection as hypervisor
from imagekit.machine.libvirt.probe import LibvirtProbe
from imagekit.machine.libvirt.reach import admitted
from imagekit.machine.machine import NodeMachine
from imagekit.machine.patience import Patience
from imagekit.machine.ports import reserved_port
from imagekit.machine.profile import DirectKernel, Profile, load_profile, profile_name
from imagekit.machine.watch import awaited, empty_log, explained, watcher

_LIMITS = {
    BootPath.DIRECT: 120.0,
    BootPath.LIVE: 240.0,
}  # seconds on the machine of reference; about five times a quiet boot


@dataclass(frozen=True, slots=True, kw_only=True)
class BootRequest:
    """What to boot and how: `folder` keeps console.log, `harness` is the project's vm-harness, `limit` in seconds.

    `limit` is for the machine of reference and is scaled by the measured speed. `kernel_arguments` are appended.
    `cloud_config` is the image's own, for the live boot path; `disks` come before its medium. An installed node has
    more than one boot: see `imagekit.machine.node`.
    """

    name: str
    run_id: str
    artifacts: LiveArtifacts
    folder: Path
    harness: Path
    boot_path: BootPath = BootPath.DIRECT
    shape: VmShape = field(default_factory=VmShape)
    limit: float | None = None
    forwards: tuple[Forward, ...] = ()
    open_network: bool = False
    kernel_arguments: tuple[str, ...] = ()
    cloud_config: Mapping[str, Any] = field(default_factory=dict)
    disks: tuple[Disk, ...] = ()
    uri: str | None = None


@contextmanager
def boot(request: BootRequest) -> Iterator[NodeMachine]:
    """Boot, wait for the first login, and yield the machine; it is gone when the block ends, the console log stays.

    Raises `BootFailedError` as soon as the console shows that no login can come, when QEMU ends, or at the deadline;
    `HypervisorError` when libvirt or QEMU do not do their part.
    """
    emulator = find("qemu-system-x86_64", "qemu-system-x86")
    with ExitStack() as stack:
        opened = stack.enter_context(hypervisor.connection(request.uri))
        places = (request.artifacts.folder, request.folder)
        speed = acceleration(emulator, probe=LibvirtProbe(opened, emulator, places))
        folder = stack.enter_context(owned_folder(request.run_id))
        with step(f"Booting {request.name} ({request.boot_path.value}) under {speed.accelerator.value}") as told:
            machine = stack.enter_context(_running(request, opened, emulator, speed, folder))
            told.note = f"{machine.boot.seconds_to_ssh:.1f} s to the login, {machine.boot.cpu_seconds:.0f} CPU s"
        yield machine


@contextmanager
def _running(
    request: BootRequest, opened: Any, emulator: Path, speed: Acceleration, folder: Path
) -> Iterator[NodeMachine]:
    console = Console(empty_log(request.folder), load_patterns(request.harness / "console-patterns.yaml"))
    keys = fresh_keys()
    with ExitStack() as stack:
        port = stack.enter_context(reserved_port())
        target = ssh.write_target(folder, port=port, user=keys.user, client=keys.client, host=keys.host)
        domain = admitted(opened, _domain(request, emulator, speed, folder, port, keys, console.log))
        xml = domain_xml(domain, request.harness / "domains" / "machine.xml.j2")
        begun = process.now()
        handle = stack.enter_context(hypervisor.started(opened, xml))
        if request.forwards:
            hypervisor.check_may_relay(domain.name)
        watch = watcher(domain.name, handle, console)
        deadline = Patience(
            speed.scaled(request.limit or _LIMITS[request.boot_path]),
            lambda: hypervisor.cpu_seconds(handle),
            lambda: console.size,
        )
        with BannerProbe(port, console.log) as probe:
            awaited(probe.poll, deadline, watch, console, f"the SSH banner of {domain.name}")
        banner = process.now() - begun
        with explained(console):
            stack.enter_context(ssh.session(target, deadline, watch))
        record = BootRecord(
            boot_path=request.boot_path,
            accelerator=speed.accelerator,
            qemu_version=hypervisor.version_text(opened.getVersion()),
            machine=domain.machine,
            cpu_model=speed.cpu_model,
            shape=request.shape,
            seconds_to_ssh=process.now() - begun,
            seconds_to_banner=banner,
            cpu_seconds=hypervisor.cpu_seconds(handle),
            speed=speed.speed,
        )
        yield NodeMachine(
            name=domain.name,
            target=target,
            record=record,
            console=console,
            watch=watch,
            runs=lambda: hypervisor.runs(handle),
        )


def _domain(
    request: BootRequest,
    emulator: Path,
    speed: Acceleration,
    folder: Path,
    port: int,
    keys: NodeKeys,
    log: Path,
) -> Domain:
    profile = load_profile(request.shape.firmware, request.harness)
    direct, disks = _media(request, folder, keys, _kernel(request, profile))
    relay = busybox() if request.forwards else None
    return Domain(
        name=domain_name(request.name, secrets.token_hex(4)),
        uuid=str(uuid.uuid4()),
        genid=str(uuid.uuid4()),
        owner=Owner(pid=os.getpid(), started=process.start_time(os.getpid()), run=request.run_id, folder=folder),
        accelerator=speed.accelerator,
        emulator=emulator,
        shape=request.shape,
        profile=profile,
        state=FirmwareState(nvram=folder / "nvram.fd", tpm=folder / "tpm"),
        direct=direct,
        disks=disks,
        console=log,
        netdev=user_network(port, request.forwards, relay=relay, open_network=request.open_network),
        machine=MACHINE,
    )


def _kernel(request: BootRequest, profile: Profile) -> Path:
    """The form of the kernel that the firmware starts; raises `HypervisorError` when it wants a signed loader."""
    match profile.direct_kernel:
        case DirectKernel.ELF:
            return request.artifacts.bare_kernel or request.artifacts.kernel
        case DirectKernel.BZIMAGE:
            return request.artifacts.kernel
        case DirectKernel.NONE:
            raise HypervisorError(
                f"the firmware {profile_name(request.shape)} starts no kernel without a signed boot loader",
                hint="Use the installed boot path, or another firmware for the direct and live boot paths.",
            )


def _media(request: BootRequest, folder: Path, keys: NodeKeys, kernel: Path) -> tuple[KernelStart, tuple[Disk, ...]]:
    """Kernel start and disks of a boot path; the artifacts themselves are only ever read."""
    artifacts = request.artifacts
    cmdline = kernel_arguments(request.boot_path, request.kernel_arguments)
    match request.boot_path:
        case BootPath.DIRECT:
            initrd = folder / "initrd"
            overlay = fast_overlay(node_identity(keys, request.name), request.harness)
            initrd.touch(mode=0o600)  # it holds the node's host key
            initrd.write_bytes(artifacts.fast_initrd.read_bytes() + overlay)
            start = KernelStart(kernel=kernel, initrd=initrd, cmdline=cmdline)
            return start, (Disk(path=artifacts.rootfs, serial=ROOT_SERIAL), *request.disks)
        case BootPath.LIVE:
            seed = seed_disk(keys, request.name, folder, request.cloud_config)
            media = (Disk(path=live_iso(artifacts), serial="live"), Disk(path=seed, serial="cidata"))
            start = KernelStart(kernel=kernel, initrd=artifacts.initrd, cmdline=cmdline)
            return start, (*request.disks, *media)
        case BootPath.INSTALLED:
            raise HypervisorError("a node with a disk of its own is not booted so", hint="Use imagekit.machine.node.")
