"""KVM or TCG, decided by booting a probe: a device node that opens proves nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.base.errors import ToolError
from imagekit.doctor.model import Finding, Host, Need, State, of_several
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
    probed = [_probed(uri, host, Path(emulator)) for uri in host.libvirt_uris]
    if len(probed) == 1:
        return probed[0]
    return Finding(
        need=Need.ACCELERATOR,
        state=of_several([each.state for each in probed]),
        found="; ".join(f"{uri}: {each.found}" for uri, each in zip(host.libvirt_uris, probed, strict=True)),
        wanted=_WANTED,
        remedy="\n".join(each.remedy for each in probed if each.remedy),
    )


def _probed(uri: str, host: Host, emulator: Path) -> Finding:
    from imagekit.machine.interface import Accelerator

    try:
        found = _found(uri, host, emulator)
    except ToolError as error:
        return Finding(need=Need.ACCELERATOR, state=State.BROKEN, found=str(error), wanted=_WANTED, remedy=error.hint)
    speed = f"emulation at {found.speed:.1f} of the reference machine"
    kvm = found.accelerator is Accelerator.KVM
    text = f"kvm: the probe guest ran; {speed}" if kvm else f"tcg: the probe guest did not run under kvm; {speed}"
    return Finding(need=Need.ACCELERATOR, state=State.OK, found=text, wanted=_WANTED)


def _found(uri: str, host: Host, emulator: Path) -> Acceleration:
    from imagekit.machine.accel import acceleration
    from imagekit.machine.hosts import is_remote
    from imagekit.machine.libvirt.provider import connect

    if not answers(uri) and not is_remote(uri):
        return acceleration(emulator)
    with connect(uri) as provider:
        return provider.acceleration((host.work,))
