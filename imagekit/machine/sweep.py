"""What killed runs left behind, found by imagekit's own marks and removed; nothing else is touched."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from imagekit.base import process
from imagekit.machine.domain import NAMESPACE, PREFIX
from imagekit.machine.folder import PREFIX as FOLDER_PREFIX
from imagekit.machine.folder import dead_folders
from imagekit.machine.libvirt import connection as hypervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningMachine:
    """A domain of ours: who started it, and where its console log and its ssh_config lie."""

    name: str
    run: str
    pid: int
    owner_alive: bool
    folder: Path
    console: Path | None


@dataclass(frozen=True, slots=True)
class Swept:
    """Names of the domains and folders that were removed."""

    domains: tuple[str, ...]
    folders: tuple[Path, ...]


def machines(opened: Any) -> list[RunningMachine]:
    """Every domain with imagekit's name prefix and imagekit's metadata, whoever's run it is."""
    import libvirt

    found = []
    for domain in opened.listAllDomains():
        try:
            if domain.name().startswith(PREFIX) and (machine := read_machine(domain.XMLDesc())) is not None:
                found.append(machine)
        except libvirt.libvirtError:
            continue  # it ended while we looked
    return found


def read_machine(xml: str) -> RunningMachine | None:
    """What a domain's XML says of its owner; None when it is not one of ours."""
    root = ElementTree.fromstring(xml)
    mark = root.find(f"metadata/{{{NAMESPACE}}}run")
    name = root.findtext("name") or ""
    if mark is None or not name.startswith(PREFIX):
        return None
    try:
        pid, started = int(mark.attrib["pid"]), float(mark.attrib["started"])
    except (KeyError, ValueError):
        return None
    console = root.find("devices/serial/source")
    return RunningMachine(
        name=name,
        run=mark.attrib.get("run", ""),
        pid=pid,
        owner_alive=process.elsewhere(mark.attrib.get("place", "")) or process.alive(pid, started=started),
        folder=Path(mark.attrib.get("folder", "")),
        console=Path(console.attrib["path"]) if console is not None and "path" in console.attrib else None,
    )


def sweep(uri: str | None = None, *, work: Path | None = None) -> Swept:
    """Remove the domains and folders of runs whose process is dead; those of living runs stay.

    `work` is where the disks of nodes lie, see `imagekit.machine.hardware.NodeRequest`.
    """
    with hypervisor.connection(uri) as opened:
        dead = [machine for machine in machines(opened) if not machine.owner_alive]
        for machine in dead:
            hypervisor.destroy(opened.lookupByName(machine.name))
    folders = sweep_folders() + (sweep_folders(work) if work is not None else ())
    return Swept(tuple(machine.name for machine in dead), folders)


def sweep_folders(base: Path | None = None) -> tuple[Path, ...]:
    """Remove the private folders of dead runs; needs no libvirt."""
    found = [path for path in dead_folders(base) if path.name.startswith(FOLDER_PREFIX)]
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    return tuple(found)
