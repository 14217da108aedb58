"""From artifacts to a machine one can log in to, and back to nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagekit.artifact.live import LiveArtifacts, live_iso
from imagekit.artifact.seed import fast_overlay
from imagekit.base.log import step
from imagekit.machine.domain import ROOT_SERIAL, Disk, Forward, KernelStart, Link, kernel_arguments
from imagekit.machine.errors import HypervisorError
from imagekit.machine.folder import owned_folder, seen_by
from imagekit.machine.hardware import NodeRequest
from imagekit.machine.identity import NodeKeys, fresh_keys, node_identity, seed_disk
from imagekit.machine.interface import BootPath, VmShape
from imagekit.machine.libvirt.provider import connect as libvirt
from imagekit.machine.node import InstalledNode, node
from imagekit.machine.profile import DirectKernel, Profile, load_profile, profile_name
from imagekit.machine.provider import Connect
from imagekit.machine.saved import SavedNode

# Seconds on the machine of reference; about five times a quiet boot.
_LIMITS = {BootPath.DIRECT: 120.0, BootPath.LIVE: 240.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class BootRequest:
    """What to boot and how: `folder` keeps console.log, `harness` is the project's vm-harness, `limit` in seconds.

    `limit` is for the machine of reference and is scaled by the measured speed. `kernel_arguments` are appended.
    `cloud_config` is the image's own, for the live boot path; `disks` come before its medium. An installed node has
    more than one boot: see `imagekit.machine.node`. A `link` is its network, a `saved` node
    is continued instead, on the same devices.
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
    saved: SavedNode | None = None
    link: Link | None = None
    uri: str | None = None


@contextmanager
def boot(request: BootRequest, *, connect: Connect = libvirt) -> Iterator[InstalledNode]:
    """Boot, wait for the first login, and yield the machine; it is gone when the block ends, the console log stays.

    Raises `BootFailedError` as soon as the console shows that no login can come, when QEMU ends, or at the deadline;
    `HypervisorError` when libvirt or QEMU do not do their part.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(owned_folder(request.run_id, seen_by(request.uri, request.folder)))
        machine = stack.enter_context(node(_node_request(request, folder), connect=connect))
        verb = "Booting" if request.saved is None else "Forking"
        with step(f"{verb} {request.name} ({request.boot_path.value})") as reported:
            machine.start()
            limit = request.limit or _LIMITS[request.boot_path]
            record = machine.wait_boot(limit=limit) if request.saved is None else machine.wait_fork()
            took = f"{record.seconds_to_ssh:.1f} s to the login, {record.cpu_seconds:.0f} CPU s"
            reported.note = f"{took}, under {record.accelerator}"
        yield machine


def _node_request(request: BootRequest, folder: Path) -> NodeRequest:
    keys = fresh_keys() if request.saved is None else request.saved.keys
    profile = load_profile(request.shape.firmware, request.harness)
    direct, disks = _media(request, folder, keys, _kernel(request, profile))
    return NodeRequest(
        name=request.name,
        run_id=request.run_id,
        folder=request.folder,
        work=request.artifacts.folder,
        harness=request.harness,
        fixed=disks,
        direct=direct,
        keys=keys,
        shape=request.shape,
        forwards=request.forwards,
        open_network=request.open_network,
        boot_path=request.boot_path,
        saved=request.saved,
        link=request.link,
        uri=request.uri,
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
