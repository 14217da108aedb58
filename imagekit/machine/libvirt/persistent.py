"""libvirt as `imagekit.machine.persistent.Hypervisor`: persistent domains (https://libvirt.org/formatdomain.html)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from imagekit.artifact.programs import find
from imagekit.base.waiting import Deadline, DeadlineError, wait_until
from imagekit.machine.accel import Acceleration, acceleration
from imagekit.machine.domain import Domain
from imagekit.machine.errors import HypervisorError
from imagekit.machine.libvirt import connection
from imagekit.machine.libvirt.daemon import libvirt as daemon
from imagekit.machine.libvirt.domainxml import domain_xml
from imagekit.machine.libvirt.probe import LibvirtProbe
from imagekit.machine.libvirt.reach import admitted
from imagekit.machine.persistent import Found, Hypervisor

_MARK = "{urn:imagekit:machine}machine"
_NO_DOMAIN = 42  # VIR_ERR_NO_DOMAIN


@dataclass(frozen=True, slots=True)
class LibvirtHypervisor:
    """An open connection to libvirt, and the QEMU that it starts."""

    opened: Any
    emulator: Path

    def acceleration(self, places: Sequence[Path]) -> Acceleration:
        """By a boot sector that libvirt starts as it will start machines."""
        return acceleration(self.emulator, probe=LibvirtProbe(self.opened, self.emulator, tuple(places)))

    def find(self, name: str) -> Found | None:
        """The domain of a name."""
        domain = self._domain(name)
        if domain is None:
            return None
        return Found(
            name=name,
            uuid=domain.UUIDString(),
            token=token_in(domain.XMLDesc()),
            running=connection.runs(domain),
        )

    def define(self, domain: Domain, template: Path) -> None:
        """Define a persistent domain."""
        import libvirt

        xml = domain_xml(admitted(self.opened, domain), template)
        try:
            self.opened.defineXML(xml)
        except libvirt.libvirtError as error:
            raise HypervisorError(f"libvirt did not take the machine {domain.name}: {error}") from None

    def start(self, name: str) -> None:
        """Start a domain."""
        import libvirt

        domain = self._domain(name)
        if domain is None:
            raise HypervisorError(f"libvirt knows no machine {name}", hint="Run the same command again.")
        if connection.runs(domain):
            return
        try:
            domain.create()
        except libvirt.libvirtError as error:
            raise HypervisorError(f"libvirt did not start the machine {name}: {error}") from None

    def stop(self, name: str, *, seconds: float) -> None:
        """ACPI's power button, then the plug."""
        import libvirt

        domain = self._domain(name)
        if domain is None or not connection.runs(domain):
            return
        try:
            domain.shutdown()
            deadline = Deadline.after(seconds)
            wait_until(lambda: not connection.runs(domain), deadline, what=f"the end of {name}", every=0.5)
        except (libvirt.libvirtError, DeadlineError):
            connection.destroy(domain)

    def remove(self, name: str) -> None:
        """Destroy and undefine a domain."""
        import libvirt

        domain = self._domain(name)
        if domain is None:
            return
        connection.destroy(domain)
        try:
            domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_TPM)
        except libvirt.libvirtError as error:
            if error.get_error_code() != _NO_DOMAIN:
                raise HypervisorError(f"libvirt did not forget the machine {name}: {error}") from None

    def _domain(self, name: str) -> Any | None:
        import libvirt

        try:
            return self.opened.lookupByName(name)
        except libvirt.libvirtError as error:
            if error.get_error_code() == _NO_DOMAIN:
                return None
            raise HypervisorError(f"libvirt does not tell about {name}: {error}") from None


def token_in(xml: str) -> str:
    """The token that a domain's XML carries; empty where there is none."""
    mark = ElementTree.fromstring(xml).find(f"metadata/{_MARK}")
    return mark.attrib.get("token", "") if mark is not None else ""


@contextmanager
def hypervisor(uri: str | None = None) -> Iterator[Hypervisor]:
    """An open connection to a hypervisor with QEMU 10 or newer; raises `HypervisorError` otherwise."""
    emulator = find("qemu-system-x86_64", "qemu-system-x86")
    with connection.connection(uri) as opened:
        yield LibvirtHypervisor(opened, emulator)


@contextmanager
def local_libvirt(uri: str | None = None) -> Iterator[Hypervisor]:
    """As `hypervisor`, with libvirtd started where nobody else does; machines that stay keep it running."""
    with daemon(uri) as answering, hypervisor(answering.uri) as opened:
        yield opened
