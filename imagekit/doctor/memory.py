"""Memory for one machine beside the build."""

from __future__ import annotations

from pathlib import Path

from imagekit.base.errors import ToolError
from imagekit.doctor.model import Finding, Host, Need, State

NEEDED_GIB = 2.0
COMFORTABLE_GIB = 3.5
_KIB_PER_GIB = 1 << 20
QEMU_MIB = 256  # what QEMU takes besides the memory of its guest
_MEMINFO = Path("/proc/meminfo")


def check(_host: Host) -> Finding:
    """Whether one guest of 1 GiB and the tools around it fit."""
    available = available_gib(_MEMINFO.read_text())
    found, wanted = f"{available:.1f} GiB available", f"{NEEDED_GIB:.0f} GiB, better {COMFORTABLE_GIB}"
    if available >= COMFORTABLE_GIB:
        return Finding(need=Need.MEMORY, state=State.OK, found=found, wanted=wanted)
    state = State.WARN if available >= NEEDED_GIB else State.BROKEN
    return Finding(
        need=Need.MEMORY, state=state, found=found, wanted=wanted, remedy="end other programs, or add memory"
    )


def available_gib(meminfo: str) -> float:
    """MemAvailable of proc(5) meminfo in GiB."""
    return _kib(meminfo, "MemAvailable") / _KIB_PER_GIB


def available_mib() -> int:
    """Memory that programs could still get, in MiB, by proc(5)."""
    return _kib(_MEMINFO.read_text(), "MemAvailable") >> 10


def require_memory(image: str, mib: int) -> None:
    """Hold this machine to a guest of that many MiB; raises `ToolError`. Swap counts: slow is not impossible."""
    meminfo = _MEMINFO.read_text()
    free = (_kib(meminfo, "MemAvailable") + _kib(meminfo, "SwapFree")) >> 10
    if mib + QEMU_MIB > free:
        raise ToolError(
            f"the machine of {image} has {mib} MiB of memory, and this host has {free} MiB left",
            hint=f"End other programs or machines (`imagekit machines`); up to {max(0, free - QEMU_MIB)} MiB fit: "
            "`vm: {memory_mib: ...}` in images/images.yaml.",
        )


def _kib(meminfo: str, field: str) -> int:
    """A line of meminfo, in KiB; 0 where a kernel has no such line."""
    fields = {key: value for key, _, value in (line.partition(":") for line in meminfo.splitlines())}
    return int(fields.get(field, "0").split()[0])
