"""A static busybox, the whole userland of the direct boot path's initrd."""

from __future__ import annotations

import shutil
from pathlib import Path

from imagekit.doctor.distribution import remedy
from imagekit.doctor.model import Finding, Host, Need, State

_ELF_INTERP = b"ld-linux"
_HEAD = 4096


def check(host: Host) -> Finding:
    """Whether busybox is there and static: a dynamic one would start without its libraries and panic."""
    wanted = "a static busybox"
    path = shutil.which("busybox")
    help_with = remedy(host.distribution, "initrd")
    if path is None:
        return Finding(need=Need.INITRD, state=State.MISSING, found="not installed", wanted=wanted, remedy=help_with)
    with Path(path).open("rb") as program:
        dynamic = _ELF_INTERP in program.read(_HEAD)
    if dynamic:
        return Finding(
            need=Need.INITRD, state=State.BROKEN, found=f"{path} is dynamic", wanted=wanted, remedy=help_with
        )
    return Finding(need=Need.INITRD, state=State.OK, found=path, wanted=wanted)
