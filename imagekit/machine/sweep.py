"""What killed runs left behind, found by imagekit's own marks and removed; nothing else is touched."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from imagekit.machine.folder import PREFIX as FOLDER_PREFIX
from imagekit.machine.folder import dead_folders
from imagekit.machine.libvirt.provider import connect as libvirt
from imagekit.machine.provider import Connect


@dataclass(frozen=True, slots=True)
class Swept:
    """Names of the domains and folders that were removed."""

    domains: tuple[str, ...]
    folders: tuple[Path, ...]


def sweep(uri: str | None = None, *, work: Path | None = None, connect: Connect = libvirt) -> Swept:
    """Remove the domains and folders of runs whose process is dead; those of living runs stay.

    `work` is where the disks of nodes lie, see `imagekit.machine.hardware.NodeRequest`.
    """
    with connect(uri) as provider:
        dead = [machine for machine in provider.machines() if not machine.owner_alive]
        for machine in dead:
            provider.end(machine.name)
    folders = sweep_folders() + (sweep_folders(work) if work is not None else ())
    return Swept(tuple(machine.name for machine in dead), folders)


def sweep_folders(base: Path | None = None) -> tuple[Path, ...]:
    """Remove the private folders of dead runs; needs no libvirt."""
    found = [path for path in dead_folders(base) if path.name.startswith(FOLDER_PREFIX)]
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    return tuple(found)
