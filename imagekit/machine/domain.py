"""What a machine is made of: data, and pure functions that make it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imagekit.base import process
from imagekit.base.errors import ConfigError
from imagekit.machine.interface import Accelerator, BootPath, VmShape
from imagekit.machine.profile import Profile

MACHINE = "q35"
USER = "user"  # the kind of QEMU's own network, in which a machine is alone
NAMESPACE = "urn:imagekit:run"
PREFIX = "imagekit-"
ROOT_SERIAL = "imagekit-root"

# Kairos's own live line (menu entry without an installer); a panic ends the machine at once.
LIVE_ARGUMENTS = (
    "cdroot root=live:CDLABEL=COS_LIVE rd.live.dir=/ rd.live.squashimg=rootfs.squashfs net.ifnames=1 "
    "console=tty1 console=ttyS0 rd.cos.disable vga=795 nomodeset selinux=0 rd.live.overlay.overlayfs panic=-1"
)
# What makes an emulated boot cheap without touching what a test would look at.
FAST_ARGUMENTS = (
    "rdinit=/init console=ttyS0 panic=-1 net.ifnames=1 selinux=0 mitigations=off nokaslr quiet loglevel=4 "
    "tsc=reliable random.trust_cpu=on fstab=no systemd.gpt_auto=0 systemd.firstboot=off "
    "systemd.condition_needs_update=0 8250.nr_uarts=1 rcupdate.rcu_expedited=1 no_timer_check"
)
# Units that a short-lived machine with a read-only root has no use for; none of them is a layer's.
FAST_MASKS = (
    "NetworkManager-wait-online.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "dnf-makecache.timer",
    "dpkg-db-backup.timer",
    "dracut-shutdown.service",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@tty1.service",
    "ldconfig.service",
    "logrotate.timer",
    "man-db.timer",
    "modprobe@configfs.service",
    "modprobe@drm.service",
    "modprobe@efi_pstore.service",
    "modprobe@fuse.service",
    "proc-sys-fs-binfmt_misc.automount",
    "serial-getty@ttyS0.service",
    "sshd-keygen@rsa.service",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-hostnamed.service",
    "systemd-hostnamed.socket",
    "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service",
    "systemd-journal-flush.service",
    "systemd-machine-id-commit.service",
    "systemd-network-generator.service",
    "systemd-pcrmachine.service",
    "systemd-random-seed.service",
    "systemd-update-done.service",
    "systemd-update-utmp.service",
)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,60}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A disk of the machine, in their order; `format` is raw or qcow2."""

    path: Path
    serial: str
    readonly: bool = True
    format: str = "raw"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelStart:
    """A kernel that QEMU starts itself, past any boot loader."""

    kernel: Path
    initrd: Path
    cmdline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareState:
    """Where the firmware's variables and the TPM's state of one machine lie; both are made when first needed."""

    nvram: Path
    tpm: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """A harness server that the guest may reach: `address:port` in the guest's network, `host_port` on 127.0.0.1."""

    port: int
    host_port: int
    address: str = "10.0.2.100"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A network that others made, in place of QEMU's user network: QEMU's option for it, and where SSH is on 127.0.0.1.

    The machine's network card keeps the name ``n0`` for what it is connected to.
    """

    netdev: str
    ssh_port: int

    @property
    def kind(self) -> str:
        """The kind of QEMU's network, as ``stream``."""
        return self.netdev.partition(",")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who started the machine: process id, its start in seconds since boot, run id, and the folder to remove.

    `place` says where that process id counts: containers with one libvirt do not see one another's processes.
    """

    pid: int
    started: float
    run: str
    folder: Path
    place: str = field(default_factory=process.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """Memory and devices of a machine as `imagekit.machine.provider.Guest.save` left them.

    `proven` is asked while they are read, before the machine goes on; it raises when the file is not what was saved.
    """

    state: Path
    proven: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a machine that outlives its maker carries: `token` is known to its maker's work folder alone."""

    token: str
    node: str
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A whole machine; `imagekit.machine.provider` starts it.

    Without a `direct` kernel the firmware boots the disks in their order, and a reboot of the guest is one. `label` is
    the user that libvirt runs QEMU as, when that is another than ours; `unconfined` names security models that would
    forbid QEMU the relays: see `imagekit.machine.libvirt.reach`. With an `incoming` state it does not boot: it goes on
    from there. `mark`, `mac` and `network` (one of libvirt's, instead of `netdev`) are those of a machine that stays.
    """

    name: str
    uuid: str
    genid: str
    owner: Owner
    accelerator: Accelerator
    emulator: Path
    shape: VmShape
    profile: Profile
    state: FirmwareState
    direct: KernelStart | None
    disks: tuple[Disk, ...]
    console: Path
    netdev: str
    machine: str = MACHINE
    label: str = ""
    unconfined: tuple[str, ...] = ()
    incoming: Incoming | None = None
    mark: Mark | None = None
    mac: str = "52:54:00:12:34:56"
    network: str = ""

    @property
    def relays(self) -> bool:
        """Whether QEMU starts a program for each connection of the guest to a server of the harness."""
        return "guestfwd=" in self.netdev


def domain_name(image: str, token: str) -> str:
    """``imagekit-<image>-<token>``; raises `ConfigError` for an image name that no host name could have."""
    if not _NAME.fullmatch(image):
        raise ConfigError(f"not a name for a machine: {image[:80]!r}", hint="Lower case letters, digits, dots, dashes.")
    return f"{PREFIX}{image}-{token}"


def user_network(ssh_port: int, forwards: Sequence[Forward], *, relay: Path | None, open_network: bool) -> str:
    """QEMU's user-mode network: SSH from 127.0.0.1, and for the guest nothing but the given servers.

    A guest could otherwise reach every service on the host's loopback through 10.0.2.2. `open_network` allows that.
    Each connection to a forwarded server runs `relay` (busybox, as nc) on the host.
    """
    parts = ["user", "id=n0", f"hostfwd=tcp:127.0.0.1:{ssh_port}-:22"]
    if not open_network:
        parts.append("restrict=on")
    for forward in forwards:
        command = f"{relay} nc 127.0.0.1 {forward.host_port}"
        parts.append(f"guestfwd=tcp:{forward.address}:{forward.port}-cmd:{command}")
    return ",".join(parts)


def kernel_arguments(boot_path: BootPath, extra: Sequence[str] = ()) -> str:
    """The kernel command line of a boot path; `extra` follows. That of an installed disk is its boot loader's."""
    match boot_path:
        case BootPath.LIVE:
            parts = [LIVE_ARGUMENTS]
        case BootPath.DIRECT:
            parts = [FAST_ARGUMENTS, *(f"systemd.mask={unit}" for unit in FAST_MASKS)]
        case BootPath.INSTALLED:
            parts = []
    return " ".join([*parts, *extra])
