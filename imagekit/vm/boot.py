"""From artifacts to a machine one can log in to, and back to nothing."""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagekit import process
from imagekit.disk.live import LiveArtifacts, live_iso
from imagekit.disk.programs import busybox, find
from imagekit.disk.seed import NodeIdentity, cidata, cloud_config, fast_overlay
from imagekit.log import step
from imagekit.vm import libvirt as hypervisor
from imagekit.vm import ssh
from imagekit.vm.accel import Acceleration, acceleration
from imagekit.vm.banner import BannerProbe
from imagekit.vm.console import Console, Severity, load_patterns
from imagekit.vm.domain import (
    MACHINE,
    ROOT_SERIAL,
    Disk,
    Domain,
    Forward,
    Owner,
    domain_name,
    domain_xml,
    kernel_arguments,
    needs_direct_kernel,
    user_network,
)
from imagekit.vm.errors import BootFailedError
from imagekit.vm.folder import owned_folder
from imagekit.vm.interface import Accelerator, BootRecord, Road, VmShape
from imagekit.vm.keys import KeyPair, fresh_pair
from imagekit.vm.machine import NodeMachine
from imagekit.vm.ports import reserved_port
from imagekit.waiting import Deadline, DeadlineError, wait_until

USER = "kairos"
_LIMITS = {Road.FAST: 120.0, Road.LIVE: 240.0}  # seconds on the machine of reference; about five times a quiet boot


@dataclass(frozen=True, slots=True, kw_only=True)
class BootRequest:
    """What to boot and how: `folder` keeps console.log, `harness` is the project's vm-harness, `limit` in seconds.

    `limit` is for the machine of reference and is scaled by the measured speed. `kernel_arguments` are appended.
    `cloud_config` is the image's own, for the live road.
    """

    name: str
    run_id: str
    artifacts: LiveArtifacts
    folder: Path
    harness: Path
    road: Road = Road.FAST
    shape: VmShape = field(default_factory=VmShape)
    limit: float | None = None
    forwards: tuple[Forward, ...] = ()
    open_network: bool = False
    kernel_arguments: tuple[str, ...] = ()
    cloud_config: Mapping[str, Any] = field(default_factory=dict)
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
        speed = acceleration(emulator)
        folder = stack.enter_context(owned_folder(request.run_id))
        with step(f"Booting {request.name} ({request.road.value}) under {speed.accelerator.value}") as told:
            machine = stack.enter_context(_running(request, opened, emulator, speed, folder))
            told.note = f"{machine.boot.seconds_to_ssh:.1f} s to the login, {machine.boot.cpu_seconds:.0f} CPU s"
        yield machine


@contextmanager
def _running(
    request: BootRequest, opened: Any, emulator: Path, speed: Acceleration, folder: Path
) -> Iterator[NodeMachine]:
    console = Console(_empty_log(request.folder), load_patterns(request.harness / "console-patterns.yaml"))
    client, host = fresh_pair(), fresh_pair()
    with ExitStack() as stack:
        port = stack.enter_context(reserved_port())
        target = ssh.write_target(folder, port=port, user=USER, client=client, host=host)
        domain = _domain(request, emulator, speed, folder, port, _identity(request, client, host), console.log)
        xml = domain_xml(domain, request.harness / "domains" / "machine.xml.j2")
        begun = process.now()
        handle = stack.enter_context(hypervisor.started(opened, xml))
        if request.forwards:
            hypervisor.check_may_relay(domain.name)
        watch = _watcher(domain.name, handle, console)
        deadline = Deadline.after(speed.scaled(request.limit or _LIMITS[request.road]))
        with BannerProbe(port) as probe:
            _await(probe.poll, deadline, watch, console, f"the SSH banner of {domain.name}")
        banner = process.now() - begun
        with _explained(console):
            stack.enter_context(ssh.session(target, deadline, watch))
        record = BootRecord(
            road=request.road,
            accelerator=speed.accelerator,
            qemu_version=hypervisor.version_text(opened.getVersion()),
            machine=domain.machine,
            cpu_model="host-passthrough" if speed.accelerator is Accelerator.KVM else "maximum",
            shape=request.shape,
            seconds_to_ssh=process.now() - begun,
            seconds_to_banner=banner,
            cpu_seconds=hypervisor.cpu_seconds(handle),
            speed=speed.speed,
        )
        yield NodeMachine(name=domain.name, target=target, record=record, console=console, watch=watch)


def _await(
    probe: Callable[[], bool], deadline: Deadline, watch: Callable[[], None], console: Console, what: str
) -> None:
    def seen() -> bool:
        watch()
        return probe()

    with _explained(console):
        wait_until(seen, deadline, what=what)


@contextmanager
def _explained(console: Console) -> Iterator[None]:
    """Turn a passed deadline into a failed boot that shows the end of the console."""
    try:
        yield
    except DeadlineError as error:
        console.poll()
        raise BootFailedError(f"{error}; the console's last lines:\n{console.tail()}", hint=_log(console)) from None


def _watcher(name: str, handle: Any, console: Console) -> Callable[[], None]:
    def watch() -> None:
        running = hypervisor.runs(handle)  # asked before reading, so that a dead machine's last words are read
        fatal = [match for match in console.poll() if match.pattern.severity is Severity.FATAL]
        if fatal:
            known = fatal[0]
            raise BootFailedError(
                f"{name}: {known.pattern.meaning} (console line {known.line}: {known.text[:200]})\n{console.tail()}",
                hint=f"{known.pattern.hint} {_log(console)}",
            )
        if not running:
            raise BootFailedError(
                f"{name} ended by itself; the console's last lines:\n{console.tail()}", hint=_log(console)
            )
        if console.flooded:
            raise BootFailedError(f"{name} floods its console", hint=_log(console))

    return watch


def _log(console: Console) -> str:
    return f"The whole console is in {console.log}."


def _empty_log(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "console.log"
    log.unlink(missing_ok=True)
    log.touch(mode=0o644)
    return log.resolve()


def _identity(request: BootRequest, client: KeyPair, host: KeyPair) -> NodeIdentity:
    return NodeIdentity(
        hostname=request.name.replace(".", "-"),
        user=USER,
        authorized_key=client.public,
        host_key=host.private,
        host_key_public=host.public,
    )


def _domain(
    request: BootRequest,
    emulator: Path,
    speed: Acceleration,
    folder: Path,
    port: int,
    identity: NodeIdentity,
    log: Path,
) -> Domain:
    kernel, initrd, disks = _media(request, folder, identity)
    relay = busybox() if request.forwards else None
    return Domain(
        name=domain_name(request.name, secrets.token_hex(4)),
        uuid=str(uuid.uuid4()),
        genid=str(uuid.uuid4()),
        owner=Owner(pid=os.getpid(), started=process.start_time(os.getpid()), run=request.run_id, folder=folder),
        accelerator=speed.accelerator,
        emulator=emulator,
        shape=request.shape,
        kernel=kernel,
        initrd=initrd,
        cmdline=kernel_arguments(request.road, request.kernel_arguments),
        disks=disks,
        console=log,
        netdev=user_network(port, request.forwards, relay=relay, open_network=request.open_network),
        machine=MACHINE,
    )


def _media(request: BootRequest, folder: Path, identity: NodeIdentity) -> tuple[Path, Path, tuple[Disk, ...]]:
    """Kernel, initrd and disks of a road; the artifacts themselves are only ever read."""
    artifacts = request.artifacts
    bare = artifacts.bare_kernel if needs_direct_kernel(request.shape.firmware) else None
    kernel = bare or artifacts.kernel
    match request.road:
        case Road.FAST:
            initrd = folder / "initrd"
            initrd.write_bytes(artifacts.fast_initrd.read_bytes() + fast_overlay(identity, request.harness))
            return kernel, initrd, (Disk(path=artifacts.rootfs, serial=ROOT_SERIAL),)
        case Road.LIVE:
            seed = cidata(cloud_config(identity, request.cloud_config), identity.hostname, folder)
            medium = live_iso(artifacts)
            return kernel, artifacts.initrd, (Disk(path=medium, serial="live"), Disk(path=seed, serial="cidata"))
