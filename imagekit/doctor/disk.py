"""Space under the work folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from imagekit.doctor.model import Finding, Host, Need, State

NEEDED_GIB = 6
COMFORTABLE_GIB = 15
_GIB = 1 << 30


def check(host: Host) -> Finding:
    """Whether a cold run fits: engine data, layers, root file systems and overlays of one image."""
    free = shutil.disk_usage(_existing(host.work)).free / _GIB
    found, wanted = f"{free:.1f} GiB free at {host.work}", f"{NEEDED_GIB} GiB, better {COMFORTABLE_GIB}"
    if free >= COMFORTABLE_GIB:
        return Finding(need=Need.DISK, state=State.OK, found=found, wanted=wanted)
    state = State.WARN if free >= NEEDED_GIB else State.BROKEN
    remedy = "`imagekit clean --cache` removes builds and disks that can be made again, `--runs` the folders of runs"
    return Finding(need=Need.DISK, state=state, found=found, wanted=wanted, remedy=remedy)


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)
