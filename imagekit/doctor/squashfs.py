"""sqfstar of squashfs-tools, which makes an image's root file system from a tar stream."""

from __future__ import annotations

from imagekit.doctor.model import Finding, Host, Need
from imagekit.doctor.program import judge

LEAST = (4, 5)


def check(host: Host) -> Finding:
    """Whether sqfstar is there; squashfs-tools have it from 4.5 on."""
    return judge(host, Need.SQUASHFS, ["sqfstar", "-version"], LEAST)
