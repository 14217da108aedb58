"""Needs, findings, and what is known about the machine before asking it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from imagekit.doctor.distribution import Distribution


class Need(StrEnum):
    """Something that imagekit needs; the file of the same name in this package looks for it."""

    PYTHON = "python"
    ENGINE = "engine"
    LIBVIRT = "libvirt"
    QEMU = "qemu"
    ACCELERATOR = "accelerator"
    UEFI = "uefi"
    TPM = "tpm"
    MMDEBSTRAP = "mmdebstrap"
    SQUASHFS = "squashfs-tools"
    INITRD = "initrd"
    ISO = "iso"
    DISK_IMAGES = "disk-images"
    SSH = "ssh"
    REGISTRY = "registry"
    PORTS = "ports"
    DISK = "disk"
    MEMORY = "memory"
    COSIGN = "cosign"
    RPM = "rpm"


class State(StrEnum):
    """How a need stands: there, there with a reservation, not there, there but not fit."""

    OK = "ok"
    WARN = "warn"
    MISSING = "missing"
    BROKEN = "broken"


def of_several(states: Sequence[State]) -> State:
    """How a need stands that several can meet, of whom one is enough; the first one's state where none does."""
    if State.OK not in states:
        return states[0]
    return State.OK if set(states) == {State.OK} else State.WARN


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What the checks look at: work folder, registry's ``host:port``, DOCKER_HOST, builder, libvirt connections."""

    work: Path
    registry: str
    docker_host: str | None
    libvirt_uris: tuple[str, ...]
    distribution: Distribution
    builder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One need: what was `found`, what is `wanted`, and a `remedy`, which is a command wherever there is one."""

    need: Need
    state: State
    found: str
    wanted: str
    remedy: str = ""

    @property
    def enough(self) -> bool:
        """Whether work can go on with what was found."""
        return self.state in (State.OK, State.WARN)
