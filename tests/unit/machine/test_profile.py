"""Firmware profiles: files that are checked, and their names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.machine.interface import Firmware, VmShape
from imagekit.machine.profile import DirectKernel, load_profile, parse_profile, profile_name, profile_names

HARNESS = Path(__file__).parents[3] / "vm-harness"


@pytest.mark.parametrize("firmware", Firmware)
def test_each_firmware_has_a_profile(firmware: Firmware) -> None:
    assert load_profile(firmware, HARNESS).efi == firmware.value.startswith("uefi")


def test_no_kernel_is_started_past_secure_boot() -> None:
    assert load_profile(Firmware.UEFI_SECURE, HARNESS).direct_kernel is DirectKernel.NONE


def test_secure_boot_without_system_management_mode_is_refused(tmp_path: Path) -> None:
    shutil.copytree(HARNESS / "profiles", tmp_path / "profiles")
    path = tmp_path / "profiles" / "uefi-secure.yaml"
    path.write_text(path.read_text().replace("smm: true", "smm: false"))
    with pytest.raises(ConfigError, match=r"smm: true"):
        load_profile(Firmware.UEFI_SECURE, tmp_path)


def test_disks_that_the_direct_boot_path_does_not_find_start_no_kernel_there(tmp_path: Path) -> None:
    shutil.copytree(HARNESS / "profiles", tmp_path / "profiles")
    path = tmp_path / "profiles" / "nvme.yaml"
    path.write_text(path.read_text().replace("direct_kernel: none", "direct_kernel: elf"))
    with pytest.raises(ConfigError, match="the direct boot path finds virtio disks alone"):
        load_profile(Firmware.NVME, tmp_path)


def test_a_missing_profile_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"bios\.yaml: no such file"):
        load_profile(Firmware.BIOS, tmp_path)


@pytest.mark.parametrize("name", profile_names())
def test_names_lead_there_and_back(name: str) -> None:
    firmware, tpm = parse_profile(name)
    assert profile_name(VmShape(firmware=firmware, tpm=tpm)) == name


@pytest.mark.parametrize("name", ["", "efi", "uefi+", "uefi+tpm+tpm", "+tpm"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="no such firmware profile"):
        parse_profile(name)
