"""The OpenSSH client: 8.4 or newer, for ControlMaster in one configuration file."""

from __future__ import annotations

from imagekit.doctor.model import Finding, Host, Need
from imagekit.doctor.program import judge

LEAST = (8, 4)


def check(host: Host) -> Finding:
    """Whether ssh is there and new enough."""
    return judge(host, Need.SSH, ["ssh", "-V"], LEAST)
