"""The probe through libvirt: a boot sector started as machines are, with files where those of machines lie.

Only this shows that QEMU can be started here at all: libvirt gives it a user, a sandbox and a security profile of its
own.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from imagekit.base import process
from imagekit.base.waiting import Deadline, DeadlineError, wait_until
from imagekit.machine import acl
from imagekit.machine.accel import ANSWER
from imagekit.machine.domain import NAMESPACE, domain_name
from imagekit.machine.errors import HypervisorError
from imagekit.machine.folder import owned_folder, seen_by, work_folder
from imagekit.machine.hosts import is_remote
from imagekit.machine.interface import Accelerator
from imagekit.machine.libvirt import connection as hypervisor
from imagekit.machine.libvirt.reach import QemuUser, admit, qemu_user

_MOST_DISKS = 4
_DISK_BYTES = 1 << 20  # SeaBIOS boots no virtio disk without a whole cylinder


@dataclass(frozen=True, slots=True)
class LibvirtProbe:
    """Boot sectors through an open connection; `places` are folders where a machine will have files."""

    opened: Any
    emulator: Path
    places: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """One answer for each connection, user of QEMU, and work folder."""
        user = qemu_user(self.opened)
        where = " ".join(str(place) for place in self._places())
        return f"{self.opened.getURI()} {user.label if user else 'own'} {where}"

    def seconds(self, accelerator: Accelerator, sector: bytes, *, limit: float) -> float | None:
        """As `imagekit.machine.accel.Probe`; the answer is read from the serial port."""
        user = qemu_user(self.opened)
        with ExitStack() as stack:
            folder = stack.enter_context(owned_folder("probe", self._base()))
            if user is not None:
                folder.chmod(0o711)
            disk = sector.ljust(_DISK_BYTES, b"\0")
            disks = [stack.enter_context(_file(place, disk)) for place in (folder, *self._places())]
            console = stack.enter_context(_file(folder, b""))
            for path, wanted in (*((each, acl.READ) for each in disks), (console, acl.READ | acl.WRITE)):
                if user is not None:
                    admit(user, path, wanted)
            xml = probe_xml(accelerator, self.emulator, disks, console, user, folder)
            try:
                domain = stack.enter_context(hypervisor.started(self.opened, xml))
                wait_until(lambda: ANSWER in console.read_bytes(), Deadline.after(limit), what="the probe", every=0.02)
                return hypervisor.cpu_seconds(domain)
            except DeadlineError:
                return None
            except HypervisorError:
                if accelerator is Accelerator.TCG:
                    raise
                return None

    @property
    def has_kvm(self) -> bool:
        """Another host may have it; ours shows it."""
        return is_remote(self.opened.getURI()) or Path("/dev/kvm").exists()

    def _base(self) -> Path | None:
        return next((seen_by(self.opened.getURI(), place) for place in self.places), None)

    def _places(self) -> list[Path]:
        homes = dict.fromkeys(work_folder(place).resolve() for place in self.places)
        return [home for home in homes if home.is_dir()][: _MOST_DISKS - 1]


def probe_xml(
    accelerator: Accelerator, emulator: Path, disks: list[Path], console: Path, user: QemuUser | None, folder: Path
) -> str:
    """The smallest domain that boots the first of some disks; it bears the mark by which leftovers are found."""
    domain = ElementTree.Element("domain", type="kvm" if accelerator is Accelerator.KVM else "qemu")
    _text(domain, "name", domain_name("probe", secrets.token_hex(4)))
    mark = {"pid": str(os.getpid()), "started": str(process.start_time(os.getpid())), "run": "probe"}
    mark["place"] = process.place()
    ElementTree.SubElement(
        ElementTree.SubElement(domain, "metadata"), f"{{{NAMESPACE}}}run", {**mark, "folder": str(folder)}
    )
    _text(domain, "memory", "16", unit="MiB")
    _text(domain, "vcpu", "1")
    _text(ElementTree.SubElement(domain, "os"), "type", "hvm", arch="x86_64", machine="pc")
    _text(domain, "on_reboot", "destroy")
    devices = ElementTree.SubElement(domain, "devices")
    _text(devices, "emulator", str(emulator))
    for number, path in enumerate(disks):
        disk = ElementTree.SubElement(devices, "disk", type="file", device="disk")
        ElementTree.SubElement(disk, "driver", name="qemu", type="raw")
        ElementTree.SubElement(disk, "source", file=str(path))
        ElementTree.SubElement(disk, "target", dev=f"vd{'abcd'[number]}", bus="virtio")
        ElementTree.SubElement(disk, "readonly")
    serial = ElementTree.SubElement(devices, "serial", type="file")
    ElementTree.SubElement(serial, "source", path=str(console), append="on")  # virtlogd would replace it
    ElementTree.SubElement(devices, "memballoon", model="none")
    if user is not None:
        label = ElementTree.SubElement(domain, "seclabel", type="static", model="dac", relabel="no")
        _text(label, "label", user.label)
    return ElementTree.tostring(domain, encoding="unicode")


def _text(parent: ElementTree.Element, name: str, text: str, **attributes: str) -> None:
    ElementTree.SubElement(parent, name, attributes).text = text


@contextmanager
def _file(place: Path, content: bytes) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(prefix=".imagekit-probe-", dir=place) as file:
        file.write(content)
        file.flush()
        yield Path(file.name)
