"""libvirt as `imagekit.machine.provider.Provider`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from imagekit.artifact.programs import find
from imagekit.machine.accel import Acceleration, acceleration
from imagekit.machine.domain import MACHINE, Domain
from imagekit.machine.hosts import is_remote
from imagekit.machine.libvirt import connection, domains, saving
from imagekit.machine.libvirt.domainxml import domain_xml
from imagekit.machine.libvirt.probe import LibvirtProbe
from imagekit.machine.libvirt.reach import admitted
from imagekit.machine.provider import Provider, RunningMachine


@dataclass(frozen=True, slots=True)
class LibvirtGuest:
    """A domain that runs, or ran; see `imagekit.machine.provider.Guest`."""

    domain: Any

    @property
    def running(self) -> bool:
        """Whether QEMU still runs."""
        return connection.runs(self.domain)

    @property
    def cpu_seconds(self) -> float:
        """Processor seconds that QEMU has used; 0.0 when it is gone."""
        return connection.cpu_seconds(self.domain)

    @property
    def crashed(self) -> bool:
        """Whether QEMU was killed or broke down, by libvirt's log of it."""
        return connection.crashed(self.domain.name())

    def press(self, codes: Sequence[int], *, held_ms: int) -> None:
        """Press keys, by Linux's key codes, all at once."""
        connection.send_keys(self.domain, codes, held_ms=held_ms)

    def save(self, state: Path, *, standing: Callable[[], None]) -> None:
        """Write memory and devices to a file."""
        saving.save(self.domain, state, standing)


@dataclass(frozen=True, slots=True)
class LibvirtProvider:
    """An open connection to libvirt, and the QEMU that it starts."""

    opened: Any
    emulator: Path

    @property
    def qemu_version(self) -> str:
        """QEMU's version."""
        return connection.version_text(self.opened.getVersion())

    def acceleration(self, places: Sequence[Path]) -> Acceleration:
        """By a boot sector that libvirt starts as it will start machines."""
        return acceleration(self.emulator, probe=LibvirtProbe(self.opened, self.emulator, tuple(places)))

    @contextmanager
    def started(self, domain: Domain, template: Path) -> Iterator[LibvirtGuest]:
        """A transient domain, destroyed at the end, and by libvirt itself when this process dies."""
        xml = domain_xml(admitted(self.opened, domain), template)
        with connection.started(self.opened, xml, paused=domain.incoming is not None) as handle:
            if domain.incoming is not None:
                saving.load(handle, domain.incoming)
            if domain.relays:
                connection.check_may_relay(domain.name)
            yield LibvirtGuest(handle)

    def machines(self) -> list[RunningMachine]:
        """Every domain with imagekit's name prefix and imagekit's metadata."""
        return domains.machines(self.opened)

    def end(self, name: str) -> None:
        """Destroy a domain."""
        connection.destroy(self.opened.lookupByName(name))


@contextmanager
def connect(uri: str | None = None) -> Iterator[Provider]:
    """An open connection to a hypervisor with QEMU 10 or newer; raises `HypervisorError` otherwise."""
    with connection.connection(uri) as opened:
        yield LibvirtProvider(opened, _emulator(opened))


def _emulator(opened: Any) -> Path:
    """The program as the domain names it: another host's is where that host's libvirt has it."""
    if not is_remote(opened.getURI()):
        return find("qemu-system-x86_64", "qemu-system-x86")
    told = ElementTree.fromstring(opened.getDomainCapabilities(None, "x86_64", MACHINE, "qemu")).findtext("path")
    return Path(told or "/usr/bin/qemu-system-x86_64")
