"""The reference image, booted on the machine that images get: same QEMU, template, shape and network."""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagekit.artifact.programs import find
from imagekit.artifact.seed import cidata
from imagekit.base import process
from imagekit.base.log import step
from imagekit.base.waiting import Deadline, wait_until
from imagekit.bench.reference import Reference
from imagekit.machine import ssh
from imagekit.machine.accel import acceleration
from imagekit.machine.banner import BannerProbe
from imagekit.machine.console import Console
from imagekit.machine.domain import (
    Disk,
    Domain,
    FirmwareState,
    KernelStart,
    Owner,
    domain_name,
    domain_xml,
    user_network,
)
from imagekit.machine.errors import BootFailedError
from imagekit.machine.folder import owned_folder
from imagekit.machine.interface import VmShape
from imagekit.machine.keys import KeyPair, fresh_pair
from imagekit.machine.libvirt import connection as hypervisor
from imagekit.machine.libvirt.probe import LibvirtProbe
from imagekit.machine.libvirt.reach import admitted
from imagekit.machine.ports import reserved_port
from imagekit.machine.profile import load_profile

# No fstab, so the root is mounted writable from the start; with "ro" cloud-init could not do its work.
ARGUMENTS = "root=/dev/vda rw console=ttyS0 panic=-1"
_LIMIT = 400.0  # seconds on the machine of reference
_USER = "debian"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainBoot:
    """What the boot cost: seconds from the start of QEMU to the login, and QEMU's processor seconds until then."""

    seconds_to_ssh: float
    cpu_seconds: float


def boot_plain(image: Reference, shape: VmShape, harness: Path, scratch: Path, uri: str) -> PlainBoot:
    """Boot a copy of the reference image to its first login and end it; raises as `imagekit.machine.boot.boot`."""
    emulator = find("qemu-system-x86_64", "qemu-system-x86")
    client, host = fresh_pair(), fresh_pair()
    with ExitStack() as stack:
        opened = stack.enter_context(hypervisor.connection(uri))
        speed = acceleration(emulator, probe=LibvirtProbe(opened, emulator, (scratch,)))
        folder = stack.enter_context(owned_folder("bench"))
        disk = scratch / "plain.ext4"
        process.run(["cp", "--sparse=always", image.disk, disk], timeout=300.0)
        seed = cidata(user_data(client, host), "plain", folder)
        port = stack.enter_context(reserved_port())
        console = Console(_log(scratch), ())
        domain = Domain(
            name=domain_name("bench-plain", secrets.token_hex(4)),
            uuid=str(uuid.uuid4()),
            genid=str(uuid.uuid4()),
            owner=Owner(pid=os.getpid(), started=process.start_time(os.getpid()), run="bench", folder=folder),
            accelerator=speed.accelerator,
            emulator=emulator,
            shape=shape,
            profile=load_profile(shape.firmware, harness),
            state=FirmwareState(nvram=folder / "nvram.fd", tpm=folder / "tpm"),
            direct=KernelStart(kernel=image.kernel, initrd=image.initrd, cmdline=ARGUMENTS),
            disks=(Disk(path=disk, serial="plain", readonly=False), Disk(path=seed, serial="cidata")),
            console=console.log,
            netdev=user_network(port, (), relay=None, open_network=False),
        )
        target = ssh.write_target(folder, port=port, user=_USER, client=client, host=host)
        told = stack.enter_context(step("Booting the reference image: plain Debian with cloud-init"))
        begun = process.now()
        handle = stack.enter_context(
            hypervisor.started(opened, domain_xml(admitted(opened, domain), harness / "domains" / "machine.xml.j2"))
        )
        watch = _watcher(handle, console)
        deadline = Deadline.after(speed.scaled(_LIMIT))
        with BannerProbe(port, console.log) as probe:
            wait_until(lambda: watch() or probe.poll(), deadline, what="the SSH banner of the reference image")
        stack.enter_context(ssh.session(target, deadline, watch))
        found = PlainBoot(seconds_to_ssh=process.now() - begun, cpu_seconds=hypervisor.cpu_seconds(handle))
        told.note = f"{found.seconds_to_ssh:.1f} s to the login, {found.cpu_seconds:.0f} CPU s"
        return found


def user_data(client: KeyPair, host: KeyPair) -> str:
    """A cloud-config for cloud-init: one user, and one host key, which spares it the making of three."""
    import yaml

    document: dict[str, Any] = {
        "users": [
            {
                "name": _USER,
                "shell": "/bin/bash",
                "lock_passwd": True,
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
                "ssh_authorized_keys": [client.public],
            }
        ],
        "ssh_keys": {"ed25519_private": host.private, "ed25519_public": host.public},
    }
    return "#cloud-config\n" + yaml.safe_dump(document, sort_keys=False)


def _log(scratch: Path) -> Path:
    log = scratch / "plain-console.log"
    log.touch(mode=0o644)
    return log.resolve()


def _watcher(handle: Any, console: Console) -> Callable[[], None]:
    def watch() -> None:
        console.poll()
        if not hypervisor.runs(handle):
            raise BootFailedError(f"the reference image ended by itself; its last lines:\n{console.tail()}")

    return watch
