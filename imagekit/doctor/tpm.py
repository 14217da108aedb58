"""The TPM emulator, for machines whose profile has a TPM."""

from __future__ import annotations

from dataclasses import replace

from imagekit.doctor.model import Finding, Host, Need, State
from imagekit.doctor.program import judge


def check(host: Host) -> Finding:
    """Whether swtpm and swtpm_setup are there; libvirt starts both."""
    findings = [judge(host, Need.TPM, [name, "--version"]) for name in ("swtpm", "swtpm_setup")]
    found = next((one for one in findings if one.state is not State.OK), findings[0])
    return replace(found, wanted=f"for a machine with a TPM: {found.wanted}")
