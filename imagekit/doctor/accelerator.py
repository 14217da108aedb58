"""KVM or TCG, decided by booting a probe: a device node that opens proves nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.base.errors import ToolError
from imagekit.doctor.model import Finding, Host, Need, State
from imagekit.machine.libvirt.daemon import answers

if TYPE_CHECKING:
    from imagekit.machine.accel import Acceleration

_WANTED = "KVM, or TCG with longer time limits"


def check(host: Host) -> Finding:
    """Which accelerator runs guests here, and how fast emulation is; TCG is enough, only slower.

    Through libvirt where one answers, so that what its QEMU may not open is found before anything is built.
    """
    emulator = shutil.which("qemu-system-x86_64")
    if emulator is None:
        return Finding(need=Need.ACCELERATOR, state=State.MISSING, found="no QEMU to probe with", wanted=_WANTED)
    from imagekit.machine.interface import Accelerator

    try:
        found = _found(host, Path(emulator))
    except ToolError as error:
        return Finding(need=Need.ACCELERATOR, state=State.BROKEN, found=str(error), wanted=_WANTED, remedy=error.hint)
    speed = f"emulation at {found.speed:.1f} of the reference machine"
    kvm = found.accelerator is Accelerator.KVM
    text = f"kvm: the probe guest ran; {speed}" if kvm else f"tcg: the probe guest did not run under kvm; {speed}"
    return Finding(need=Need.ACCELERATOR, state=State.OK, found=text, wanted=_WANTED)


def _found(host: Host, emulator: Path) -> Acceleration:
    from imagekit.machine.accel import acceleration
    from imagekit.machine.libvirt.connection import connection
    from imagekit.machine.libvirt.probe import LibvirtProbe

    if not answers(host.libvirt_uri):
        return acceleration(emulator)
    with connection(host.libvirt_uri) as opened:
        return acceleration(emulator, probe=LibvirtProbe(opened, emulator, (host.work,)))
