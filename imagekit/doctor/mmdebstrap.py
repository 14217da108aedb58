"""mmdebstrap, which makes the embedded base distribution."""

from __future__ import annotations

from imagekit.doctor.model import Finding, Host, Need
from imagekit.doctor.program import judge

LEAST = (1, 4)


def check(host: Host) -> Finding:
    """Whether mmdebstrap is there and new enough."""
    return judge(host, Need.MMDEBSTRAP, ["mmdebstrap", "--version"], LEAST)
