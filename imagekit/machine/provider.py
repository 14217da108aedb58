"""What starts machines: the seam behind which libvirt is, and in tests a simulator.

A provider is an open connection to a hypervisor. It takes a whole description of a machine (`imagekit.machine.domain`)
and gives back the running one; what a machine is made of, and what waits for it, knows nothing of the hypervisor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from imagekit.machine.accel import Acceleration
from imagekit.machine.domain import Domain


class Guest(Protocol):
    """A machine that was switched on."""

    @property
    def running(self) -> bool:
        """Whether it is on; False too when that cannot be asked any more."""

    @property
    def cpu_seconds(self) -> float:
        """Processor seconds that its emulator has used; 0.0 when it is gone."""

    @property
    def crashed(self) -> bool:
        """Whether its emulator was killed or broke down, while the guest wanted to go on; False where nobody says."""

    def press(self, codes: Sequence[int], *, held_ms: int) -> None:
        """Press keys, by Linux's key codes, all at once; a machine that just ended takes none."""

    def save(self, state: Path, *, standing: Callable[[], None]) -> None:
        """Write memory and devices to a file; the machine stands still for that long, and goes on afterwards.

        `standing` is called when all is written, before it goes on: what is on its disks now belongs to the state.
        Raises `HypervisorError` when it was not written, for example for want of disk space; the machine goes on then
        too.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningMachine:
    """A machine of ours: who started it, and where its console log and its ssh_config lie."""

    name: str
    run: str
    pid: int
    owner_alive: bool
    folder: Path
    console: Path | None


class Provider(Protocol):
    """An open connection to a hypervisor."""

    @property
    def emulator(self) -> Path:
        """The program that runs guests."""

    @property
    def qemu_version(self) -> str:
        """Its version, such as ``10.0.2``."""

    def acceleration(self, places: Sequence[Path]) -> Acceleration:
        """What runs guests here and how fast; `places` are folders where a machine will have files."""

    def started(self, domain: Domain, template: Path) -> AbstractContextManager[Guest]:
        """The machine, switched on; it is destroyed at the end, and when this process dies.

        Raises `HypervisorError` when it does not start, or does not go on from its incoming state.
        """

    def machines(self) -> list[RunningMachine]:
        """Every machine with imagekit's mark, whoever's run it is."""

    def end(self, name: str) -> None:
        """Destroy a machine by its name; one that is gone already is fine."""


Connect = Callable[[str | None], AbstractContextManager[Provider]]
"""Opens the hypervisor at a connection address; without one, the default."""
