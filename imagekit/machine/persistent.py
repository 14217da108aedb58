"""Machines that outlive the process that made them: the seam behind which libvirt is, and in tests a simulator.

A machine is ours when it carries a token that only its maker's work folder knows: a name alone, which anybody can give,
proves nothing, and nothing is stopped or removed by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from imagekit.base.errors import RefusedError
from imagekit.machine.accel import Acceleration
from imagekit.machine.domain import Domain


class ForeignMachineError(RefusedError):
    """A machine of that name is there, and somebody else's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A machine that a hypervisor knows; `token` is empty for one that imagekit did not make."""

    name: str
    uuid: str
    token: str
    running: bool


class Hypervisor(Protocol):
    """An open connection to a hypervisor that keeps machines."""

    @property
    def emulator(self) -> Path:
        """The program that runs guests."""

    def acceleration(self, places: Sequence[Path]) -> Acceleration:
        """What runs guests here and how fast; `places` are folders where a machine will have files."""

    def find(self, name: str) -> Found | None:
        """The machine of a name, whoever's it is."""

    def define(self, domain: Domain, template: Path) -> None:
        """Make a machine known, switched off. Raises `HypervisorError`."""

    def start(self, name: str) -> None:
        """Switch a machine on; one that runs is left alone. Raises `HypervisorError`."""

    def stop(self, name: str, *, seconds: float) -> None:
        """Ask a machine to shut down, and switch it off when it has not after some seconds."""

    def remove(self, name: str) -> None:
        """Switch a machine off at once and forget it, with its firmware's variables; one that is gone is fine."""


Open = Callable[[str | None], AbstractContextManager[Hypervisor]]
"""Opens the hypervisor at a connection address; without one, the default."""
