"""KVM or TCG, decided by booting a probe: a device node that opens proves nothing."""

from __future__ import annotations

import shutil

from imagekit.doctor.model import Finding, Host, Need, State
from imagekit.errors import ToolError


def check(host: Host) -> Finding:
    """Which accelerator runs guests here; TCG is enough, only slower."""
    wanted = "KVM, or TCG with patience"
    if shutil.which("qemu-system-x86_64") is None:
        return Finding(need=Need.ACCELERATOR, state=State.MISSING, found="no QEMU to probe with", wanted=wanted)
    from imagekit.vm.accel import accelerator
    from imagekit.vm.interface import Accelerator

    try:
        found = accelerator(host.work)
    except ToolError as error:
        return Finding(need=Need.ACCELERATOR, state=State.BROKEN, found=str(error), wanted=wanted, remedy=error.hint)
    if found is Accelerator.KVM:
        return Finding(need=Need.ACCELERATOR, state=State.OK, found="kvm: the probe guest ran", wanted=wanted)
    return Finding(need=Need.ACCELERATOR, state=State.OK, found="tcg: the probe did not run under kvm", wanted=wanted)
