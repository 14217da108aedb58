"""mmdebstrap, which makes the embedded base distribution."""

from __future__ import annotations

import os
import pwd
import shutil
from dataclasses import replace
from pathlib import Path

from imagekit.doctor.distribution import remedy
from imagekit.doctor.model import Finding, Host, Need, State
from imagekit.doctor.program import judge

LEAST = (1, 4)
SUBUID, SUBGID = Path("/etc/subuid"), Path("/etc/subgid")


def check(host: Host) -> Finding:
    """Whether mmdebstrap is there and new enough, and can give files an owner without root."""
    finding = judge(host, Need.MMDEBSTRAP, ["mmdebstrap", "--version"], LEAST)
    lacking = _lacking(host) if finding.enough and os.geteuid() != 0 else None
    return finding if lacking is None else replace(finding, state=State.BROKEN, found=lacking[0], remedy=lacking[1])


def _lacking(host: Host) -> tuple[str, str] | None:
    """What mmdebstrap(1)'s mode "unshare" lacks here (user_namespaces(7), subuid(5)), and the remedy."""
    if shutil.which("newuidmap") is None:
        return "newuidmap, without which only root makes a base, is not installed", remedy(
            host.distribution, "mmdebstrap"
        )
    name = pwd.getpwuid(os.getuid()).pw_name
    for table in (SUBUID, SUBGID):
        if not any(line.split(":")[0] in {name, str(os.getuid())} for line in _lines(table)):
            return (
                f"{name} has no range of ids in {table}",
                f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}",
            )
    return None


def _lines(table: Path) -> list[str]:
    try:
        return table.read_text().splitlines()
    except OSError:
        return []
