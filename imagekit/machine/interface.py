"""What the rest of imagekit knows of a virtual machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from imagekit.base.earlier import boot_path_today
from imagekit.base.process import Completed
from imagekit.config.kinds import Firmware as Firmware  # declared in images.yaml

# Seconds of an installed boot of the image that comes with this project, on the machine where its limits were set.
_REFERENCE_BOOT = 30.0
_MOST_PACE = 10.0


class BootPath(StrEnum):
    """How an image digest becomes a running node; see docs/architecture.md."""

    DIRECT = "direct"
    LIVE = "live"
    INSTALLED = "installed"

    @classmethod
    def _missing_(cls, value: object) -> BootPath | None:
        return next((path for path in cls if path.value == boot_path_today(value)), None)


DISKLESS = (BootPath.DIRECT, BootPath.LIVE)
"""The boot paths that need no installed disk."""


class Installer(StrEnum):
    """What made the disk of an installed node: the disk builder here, or the framework's own agent on a live node."""

    DISK = "disk"
    AGENT = "agent"


class Start(StrEnum):
    """Where a running node came from: switched on and booted, or continued from the saved state of one that had."""

    COLD = "cold"
    FORK = "fork"


class Accelerator(StrEnum):
    """What runs the guest's instructions, decided by booting a probe."""

    KVM = "kvm"
    TCG = "tcg"


@dataclass(frozen=True, slots=True, kw_only=True)
class VmShape:
    """The hardware a machine gets: memory in MiB, number of virtual CPUs, firmware, whether there is a TPM 2.0.

    `extra_nics` are network cards beside the one that SSH comes by, joined to one another and to nothing else.
    """

    memory_mib: int = 1024
    cpus: int = 2
    firmware: Firmware = Firmware.BIOS
    tpm: bool = False
    extra_nics: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTarget:
    """Where and how to log in: one key, the host pinned in `known_hosts`, an ssh_config with ControlPath."""

    host: str
    port: int
    user: str
    key: Path
    known_hosts: Path
    config: Path
    alias: str


class Reached(Protocol):
    """A node that commands can be run on: an ssh_config, and the name that it gives the node."""

    @property
    def alias(self) -> str:
        """The node's name in it."""

    @property
    def config(self) -> Path:
        """The file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootPhase:
    """One part of a boot: firmware (and boot loader), kernel, initrd or userspace (to the login); in seconds."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BootRecord:
    """What a boot was and cost; times in seconds from the start of QEMU (of a reboot: from asking for it).

    `cpu_seconds` is QEMU's until the login. `phases` are known for installed boots only. `reason` says why it was this
    `start`; of a fork, `cold_seconds` is what the boot took that it came from.
    """

    boot_path: BootPath
    accelerator: Accelerator
    qemu_version: str
    machine: str
    cpu_model: str
    shape: VmShape
    seconds_to_ssh: float
    cpu_seconds: float
    speed: float
    seconds_to_banner: float = 0.0
    phases: tuple[BootPhase, ...] = ()
    start: Start = Start.COLD
    reason: str = ""
    cold_seconds: float = 0.0

    @property
    def pace(self) -> float:
        """How many times longer than on the machine of reference things take on this node, 1.0 to 10.0.

        By the speed of this machine, and by what this boot took: a node of real Kairos does five times as much as the
        one that limits were set with, and a busy host gives it a part of a processor.
        """
        booted = max(self.seconds_to_ssh, self.cold_seconds)
        return min(_MOST_PACE, max(1.0, 1.0 / self.speed, booted / _REFERENCE_BOOT))

    def scaled(self, seconds: float) -> float:
        """A time limit that was set with the node and the machine of reference, for this one; never shortened."""
        return seconds * self.pace


class Machine(Protocol):
    """A running node."""

    ssh: SshTarget
    console: Path

    @property
    def boot(self) -> BootRecord:
        """What the latest boot was and cost."""

    def run(self, command: str, *, timeout: float = 60.0) -> Completed:
        """Run a shell command on the node as root and return what it wrote, whatever its status."""

    def copy_from(self, remote: str, local: Path, *, limit: int = 64 << 20) -> None:
        """Fetch one file, of at most `limit` bytes; links are not followed on this side."""
