"""The installed boot path under UEFI with Secure Boot and a TPM: firmware, signed shim, signed GRUB, signed kernel."""

from __future__ import annotations

import pytest

from imagekit.base.process import Completed
from tests.e2e.conftest import ROOT, Clone

pytestmark = [pytest.mark.vm, pytest.mark.online]
QUESTIONS = (
    "od -An -tu1 /sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c; "
    "ls /sys/class/tpm; cat /sys/class/tpm/tpm0/tpm_version_major; kairos-agent state get boot"
)


def test_a_node_boots_under_secure_boot_and_sees_its_tpm() -> None:
    done = shell("--boot", "installed", "--firmware", "uefi-secure+tpm", "--", f'sudo sh -c "{QUESTIONS}"')
    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
    assert done.stdout.split() == ["6", "0", "0", "0", "1", "tpm0", "2", "active_boot"]


def test_a_kernel_is_not_started_past_secure_boot() -> None:
    done = shell("--boot", "direct", "--firmware", "uefi-secure", "--", "true")
    assert done.returncode == 3
    assert "starts no kernel without a signed boot loader" in done.stderr


def shell(*arguments: str) -> Completed:
    """`imagekit shell` on the image of this checkout, whatever its exit code; the checkout is only read."""
    return Clone(ROOT, registry="").imagekit("shell", "debian-node", *arguments)
