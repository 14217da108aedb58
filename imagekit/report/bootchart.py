"""The boot in systemd's own numbers, asked of the node with one command."""

from __future__ import annotations

from collections.abc import Mapping

from imagekit.base.errors import ToolError
from imagekit.base.text import one_line
from imagekit.machine.interface import Machine
from imagekit.report.result import BootChart, BootUnit

_UNITS = 40
_UNKNOWN = 1 << 63  # systemd writes 2^64 - 1 for what it does not know
_NOTHING = 0.02  # seconds; what needs less says nothing
# What takes time to come up. Devices, targets and slices do not, and telling of them costs PID 1 as much again.
_KINDS = ("service", "mount", "automount", "swap", "socket", "timer", "path")
# The properties of https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.systemd1.html
_COMMAND = (
    "export LC_ALL=C SYSTEMD_PAGER=; systemctl show -p InitRDTimestampMonotonic -p UserspaceTimestampMonotonic "
    "-p FinishTimestampMonotonic; echo; systemctl show "
    "-p Id -p InactiveExitTimestampMonotonic -p ActiveEnterTimestampMonotonic -p ActiveState -p CPUUsageNSec "
    + " ".join(f"'*.{kind}'" for kind in _KINDS)
)


class BootChartError(ToolError):
    """The node did not tell its boot times."""


def collect_chart(machine: Machine, *, timeout: float = 60.0) -> BootChart:
    """Ask a running node for the times of its boot; raises `BootChartError` when it does not answer as systemd does."""
    return parse_chart(machine.run(_COMMAND, timeout=timeout).stdout)


def parse_chart(text: str) -> BootChart:
    """A chart out of ``systemctl show``: the manager's block first, then one block a unit, empty lines between."""
    blocks = [_properties(block) for block in text.strip().split("\n\n")]
    manager = blocks[0]
    if "UserspaceTimestampMonotonic" not in manager:
        raise BootChartError("the node's systemd did not tell its boot times", hint=text[:300])
    userspace, finished = _seconds(manager, "UserspaceTimestamp"), _seconds(manager, "FinishTimestamp")
    initrd = _seconds(manager, "InitRDTimestamp")
    units = {unit.name: unit for block in blocks[1:] if (unit := _unit(block, finished)) is not None}
    reported = [unit for unit in units.values() if unit.failed or max(unit.seconds, unit.cpu) >= _NOTHING]
    slowest = sorted(reported, key=lambda unit: (unit.failed, max(unit.seconds, unit.cpu)), reverse=True)[:_UNITS]
    return BootChart(
        kernel=initrd or userspace,
        initrd=initrd,
        userspace=userspace,
        finished=finished,
        units=tuple(sorted(slowest, key=lambda unit: (unit.started, unit.name))),
        unit_count=len(units),
    )


def _unit(block: Mapping[str, str], finished: float) -> BootUnit | None:
    """A unit that began while the node booted; mounts of the kernel's own have no times."""
    started, active = _seconds(block, "InactiveExitTimestamp"), _seconds(block, "ActiveEnterTimestamp")
    name = one_line(block.get("Id", ""), 120)
    if not name or started <= 0 or (finished and started > finished):
        return None
    used = block.get("CPUUsageNSec", "")  # "[not set]" for what has no processes
    own = used.isdigit() and int(used) < _UNKNOWN
    cpu = round(int(used) / 1e9, 3) if own else 0.0
    return BootUnit(name=name, started=started, active=active, failed=block.get("ActiveState") == "failed", cpu=cpu)


def _properties(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _seconds(block: Mapping[str, str], name: str) -> float:
    value = block.get(f"{name}Monotonic", "0")
    return round(int(value) / 1e6, 4) if value.isdigit() else 0.0
