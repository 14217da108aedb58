"""What the rest of imagekit knows of a virtual machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from imagekit.config.model import Firmware as Firmware  # declared in images.yaml
from imagekit.process import Completed


class Road(StrEnum):
    """How an image digest becomes a running node; see docs/architecture.md."""

    FAST = "fast"
    LIVE = "live"


class Accelerator(StrEnum):
    """What runs the guest's instructions, decided by booting a probe."""

    KVM = "kvm"
    TCG = "tcg"


@dataclass(frozen=True, slots=True, kw_only=True)
class VmShape:
    """The hardware a machine gets: memory in MiB, number of virtual CPUs, firmware."""

    memory_mib: int = 1024
    cpus: int = 2
    firmware: Firmware = Firmware.BIOS


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


@dataclass(frozen=True, slots=True, kw_only=True)
class BootRecord:
    """What a boot was and cost; times in seconds from the start of QEMU, `cpu_seconds` of QEMU to the login."""

    road: Road
    accelerator: Accelerator
    qemu_version: str
    machine: str
    cpu_model: str
    shape: VmShape
    seconds_to_ssh: float
    cpu_seconds: float
    speed: float
    seconds_to_banner: float = 0.0


class Machine(Protocol):
    """A running node."""

    ssh: SshTarget
    console: Path
    boot: BootRecord

    def run(self, command: str, *, timeout: float = 60.0) -> Completed:
        """Run a shell command on the node as root and return what it wrote, whatever its status."""

    def copy_from(self, remote: str, local: Path, *, limit: int = 64 << 20) -> None:
        """Fetch one file, of at most `limit` bytes; links are not followed on this side."""
