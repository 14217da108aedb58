"""What the machine of an image needs beside what every machine does."""

from __future__ import annotations

from imagekit.app.needs import machine_needs
from imagekit.config.imagesfile import VmSpec
from imagekit.config.model import Firmware
from imagekit.doctor.model import Need
from imagekit.machine.interface import DISKLESS, BootPath


def test_a_plain_machine_needs_nothing_more() -> None:
    assert machine_needs(VmSpec(), DISKLESS) == ()


def test_firmware_tpm_and_disk_bring_their_needs() -> None:
    vm = VmSpec(firmware=Firmware.UEFI_SECURE, tpm=True)
    assert machine_needs(vm, (BootPath.INSTALLED,)) == (Need.UEFI, Need.TPM, Need.DISK_IMAGES)
