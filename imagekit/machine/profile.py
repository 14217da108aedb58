"""Firmware as data: what a machine starts with is a file of vm-harness/profiles."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from imagekit.base.errors import ConfigError
from imagekit.config.load import parse_file
from imagekit.config.model import Firmware, Frozen
from imagekit.machine.interface import VmShape

_TPM = "+tpm"


class DirectKernel(StrEnum):
    """What QEMU can start under a firmware without a boot loader."""

    ELF = "elf"
    BZIMAGE = "bzimage"
    NONE = "none"


class TpmDevice(Frozen):
    """The TPM a machine gets when its shape asks for one; libvirt's words."""

    model: Literal["tpm-crb", "tpm-tis"]
    version: Literal["2.0"]


class Profile(Frozen):
    """One kind of machine: firmware with the features that its selection must find, what it can start, its devices."""

    version: Literal[1]
    firmware: Literal["bios", "efi"]
    features: dict[Literal["secure-boot", "enrolled-keys"], bool] = Field(default_factory=dict)
    smm: bool = Field(False, description="whether the machine needs system management mode")
    direct_kernel: DirectKernel
    tpm: TpmDevice
    disks: Literal["virtio", "pvscsi", "nvme", "sata"] = Field("virtio", description="what the machine's disks hang on")
    network: Literal["virtio-net-pci", "vmxnet3", "e1000e"] = Field("virtio-net-pci", description="QEMU's network card")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.disks != "virtio" and self.direct_kernel is not DirectKernel.NONE:
            raise ValueError("the direct boot path finds virtio disks alone: direct_kernel must be none")
        if self.firmware == "bios" and self.features:
            raise ValueError("a BIOS has no features to choose by")
        if self.features.get("secure-boot") and not self.smm:
            raise ValueError("libvirt gives Secure Boot only to a machine with smm: true")
        return self

    @property
    def agent(self) -> bool:
        """Whether the machine has a line to QEMU's guest agent; one that is like VMware's has none."""
        return self.network == "virtio-net-pci"

    @property
    def efi(self) -> bool:
        """Whether it is UEFI."""
        return self.firmware == "efi"


def load_profile(firmware: Firmware, harness: Path) -> Profile:
    """The profile of a firmware; raises `ConfigError` with file and line when it is missing or wrong."""
    return parse_file(Profile, harness / "profiles" / f"{firmware.value}.yaml")


def profile_name(shape: VmShape) -> str:
    """The name of a shape's firmware as people write it: ``uefi``, or ``uefi+tpm`` with a TPM."""
    return shape.firmware.value + (_TPM if shape.tpm else "")


def profile_names() -> tuple[str, ...]:
    """Every name that `parse_profile` takes."""
    return tuple(firmware.value + tail for firmware in Firmware for tail in ("", _TPM))


def parse_profile(name: str) -> tuple[Firmware, bool]:
    """Firmware and whether there is a TPM, from a name such as ``uefi+tpm``; raises `ConfigError` for others."""
    if name not in profile_names():
        raise ConfigError(f"no such firmware profile: {name[:40]!r}", hint=f"One of: {', '.join(profile_names())}.")
    return Firmware(name.removesuffix(_TPM)), name.endswith(_TPM)
