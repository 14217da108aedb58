"""A hypervisor that keeps machines, without guests: the second one behind `imagekit.machine.persistent`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from imagekit.machine.accel import Acceleration
from imagekit.machine.domain import Domain
from imagekit.machine.errors import HypervisorError
from imagekit.machine.interface import Accelerator
from imagekit.machine.persistent import Found, Hypervisor


class KilledError(BaseException):
    """The process was killed here."""


@dataclass
class SimHypervisor:
    """See `imagekit.machine.persistent.Hypervisor`; `did` is what it was told, `die_at` kills the caller at a word."""

    machines: dict[str, Found] = field(default_factory=dict)
    domains: dict[str, Domain] = field(default_factory=dict)
    did: list[str] = field(default_factory=list)
    die_at: str = ""
    refuses: str = ""
    emulator: Path = Path("/usr/bin/qemu-simulated")

    def acceleration(self, places: Sequence[Path]) -> Acceleration:
        """Emulation, at the speed of reference."""
        return Acceleration(Accelerator.TCG, 1.0)

    def find(self, name: str) -> Found | None:
        """The machine of a name."""
        return self.machines.get(name)

    def define(self, domain: Domain, template: Path) -> None:
        """Take a machine; its files have to be there."""
        self._told("define", domain.name)
        assert template.is_file()
        assert all(disk.path.is_file() for disk in domain.disks)
        assert domain.mark is not None
        running = domain.name in self.machines and self.machines[domain.name].running
        self.domains[domain.name] = domain
        self.machines[domain.name] = Found(name=domain.name, uuid=domain.uuid, token=domain.mark.token, running=running)

    def start(self, name: str) -> None:
        """Switch on."""
        self._told("start", name)
        if self.refuses:
            raise HypervisorError(self.refuses)
        self.machines[name] = replace(self.machines[name], running=True)

    def stop(self, name: str, *, seconds: float) -> None:
        """Switch off."""
        self._told("stop", name)
        self.machines[name] = replace(self.machines[name], running=False)

    def remove(self, name: str) -> None:
        """Forget."""
        if name in self.machines:
            self._told("remove", name)
            del self.machines[name]

    @contextmanager
    def opened(self, _uri: str | None) -> Iterator[Hypervisor]:
        """As `imagekit.machine.persistent.Open`."""
        yield self

    def _told(self, verb: str, name: str) -> None:
        if self.die_at == verb:
            self.die_at = ""
            raise KilledError
        self.did.append(f"{verb} {name}")
