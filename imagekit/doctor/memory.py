"""Memory for one machine beside the build."""

from __future__ import annotations

from pathlib import Path

from imagekit.doctor.model import Finding, Host, Need, State

NEEDED_GIB = 2.0
COMFORTABLE_GIB = 3.5
_KIB_PER_GIB = 1 << 20


def check(_host: Host) -> Finding:
    """Whether one guest of 1 GiB and the tools around it fit."""
    available = available_gib(Path("/proc/meminfo").read_text())
    found, wanted = f"{available:.1f} GiB available", f"{NEEDED_GIB:.0f} GiB, better {COMFORTABLE_GIB}"
    if available >= COMFORTABLE_GIB:
        return Finding(need=Need.MEMORY, state=State.OK, found=found, wanted=wanted)
    state = State.WARN if available >= NEEDED_GIB else State.BROKEN
    return Finding(
        need=Need.MEMORY, state=state, found=found, wanted=wanted, remedy="end other programs, or add memory"
    )


def available_gib(meminfo: str) -> float:
    """MemAvailable of proc(5) meminfo in GiB."""
    fields = {key: value for key, _, value in (line.partition(":") for line in meminfo.splitlines())}
    return int(fields["MemAvailable"].split()[0]) / _KIB_PER_GIB
