"""Enums that declared files and machines share; apart from the models, which take a fifth of a second to load."""

from __future__ import annotations

from enum import StrEnum


class Family(StrEnum):
    """Which package manager and names a distribution uses."""

    DEBIAN = "debian"
    RHEL = "rhel"


class Arch(StrEnum):
    """Processor architecture, by its OCI name."""

    AMD64 = "amd64"
    ARM64 = "arm64"


class Firmware(StrEnum):
    """What a test machine starts with and hangs its disks on; vm-harness/profiles holds one file for each."""

    BIOS = "bios"
    UEFI = "uefi"
    UEFI_SECURE = "uefi-secure"
    VSPHERE = "vsphere-like"
    NVME = "nvme"
    SATA = "sata-e1000e"
