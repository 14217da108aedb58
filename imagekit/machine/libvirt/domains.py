"""Which of libvirt's domains are imagekit's, by imagekit's own marks."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from imagekit.base import process
from imagekit.machine.domain import NAMESPACE, PREFIX
from imagekit.machine.provider import RunningMachine


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
