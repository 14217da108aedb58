"""The reference image, booted on the machine that images get: same QEMU, template, shape and network."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagekit.artifact.seed import cidata
from imagekit.base import process
from imagekit.base.log import step
from imagekit.bench.reference import Reference
from imagekit.machine.domain import Disk, KernelStart
from imagekit.machine.folder import owned_folder
from imagekit.machine.hardware import NodeRequest
from imagekit.machine.identity import fresh_keys
from imagekit.machine.interface import VmShape
from imagekit.machine.keys import KeyPair
from imagekit.machine.node import node

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
    keys = fresh_keys(_USER)
    with ExitStack() as stack:
        disk = scratch / "plain.ext4"
        process.run(["cp", "--sparse=always", image.disk, disk], timeout=300.0)
        seed = cidata(user_data(keys.client, keys.host), "plain", stack.enter_context(owned_folder("bench")))
        request = NodeRequest(
            name="bench-plain",
            run_id="bench",
            folder=scratch / "plain",
            work=scratch,
            harness=harness,
            fixed=(Disk(path=disk, serial="plain", readonly=False), Disk(path=seed, serial="cidata")),
            direct=KernelStart(kernel=image.kernel, initrd=image.initrd, cmdline=ARGUMENTS),
            keys=keys,
            shape=shape,
            uri=uri,
        )
        machine = stack.enter_context(node(request))
        reported = stack.enter_context(step("Booting the reference image: plain Debian with cloud-init"))
        machine.start()
        record = machine.wait_boot(limit=_LIMIT)
        reported.note = f"{record.seconds_to_ssh:.1f} s to the login, {record.cpu_seconds:.0f} CPU s"
        return PlainBoot(seconds_to_ssh=record.seconds_to_ssh, cpu_seconds=record.cpu_seconds)


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
