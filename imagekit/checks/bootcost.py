"""What a boot cost, in processor time: wall time under a busy host says little of an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_NAMED = 3
_MORE = 0.2  # CPU seconds; less is noise between two boots of one image


@dataclass(frozen=True, slots=True, kw_only=True)
class BootCost:
    """CPU seconds until the login, of QEMU; `budget` is what the image allows.

    `units` maps units to CPU seconds of their own processes by the node's systemd; `before` are those of the last good
    run, `since` its id. They are seconds of the guest's processors, which under emulation are not QEMU's.
    """

    cpu_seconds: float
    budget: float | None = None
    units: Mapping[str, float] = field(default_factory=dict)
    before: Mapping[str, float] = field(default_factory=dict)
    since: str = ""

    @property
    def over(self) -> str:
        """Why the boot is over its budget, the units named; empty when it is not, or there is none."""
        if self.budget is None or self.cpu_seconds <= self.budget:
            return ""
        said = f"the boot took {self.cpu_seconds:.1f} CPU s, {self.budget:g} are allowed"
        grown = self.grown
        if grown:
            return f"{said}; more than in run {self.since}: {_named(grown, sign='+')}"
        return f"{said}; most of it in {_named(self.units)}" if self.units else said

    @property
    def grown(self) -> dict[str, float]:
        """Units that cost more than in the last good run, by how much."""
        if not self.since:
            return {}
        more = {name: seconds - self.before.get(name, 0.0) for name, seconds in self.units.items()}
        return {name: seconds for name, seconds in more.items() if seconds >= _MORE}


def _named(units: Mapping[str, float], sign: str = "") -> str:
    first = sorted(units, key=lambda name: (-units[name], name))[:_NAMED]
    return ", ".join(f"{name} {sign}{units[name]:.1f} s" for name in first)
