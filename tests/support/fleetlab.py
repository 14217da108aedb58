"""A fleet of two nodes for libvirt, with a published and signed digest and its disk, and a hypervisor for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from imagekit.app.applying import Applied, Asked, apply, destroy, objects_of, rendered_folder, store_of
from imagekit.app.fleetlock import locked
from imagekit.machine.disks import create_disk
from imagekit.machine.persistent import Open
from imagekit.oci.reference import Digest
from imagekit.provision.lockfile import LOCK_PATH, lock_text
from tests.support.fleetpublished import published, push_disk_of
from tests.support.fleetsite import FleetSite, open_fleet_site
from tests.support.registry import simulated_registry
from tests.support.releasestates import ReleaseStates
from tests.support.simhypervisor import SimHypervisor

SAID = {"KAIROS_SOFTWARE_VERSION_PREFIX": "k0s", "KAIROS_SOFTWARE_VERSION": "v1.36.3+k0s.2"}


@dataclass
class Lab:
    """A fleet of two nodes of one published digest, and a hypervisor."""

    fleet: FleetSite
    digest: Digest
    hypervisor: SimHypervisor = field(default_factory=SimHypervisor)
    real: Open | None = None

    @property
    def connect(self) -> Open:
        return self.real or self.hypervisor.opened

    def apply(self, **asked: object) -> Applied:
        project = self.fleet.project
        objects = objects_of([rendered_folder(project)])
        return apply(project, objects, replace(Asked(), **asked), connect=self.connect)  # type: ignore[arg-type]

    def destroy(self, **asked: object) -> Applied:
        return destroy(self.fleet.project, replace(Asked(), **asked), connect=self.connect)  # type: ignore[arg-type]

    def render(self) -> None:
        """Lock and render what the channel points at."""
        (self.fleet.root / LOCK_PATH).write_text(lock_text(locked(self.fleet.project)))
        self.fleet.commit("lock")
        self.fleet.render()

    def edit(self, old: str, new: str) -> None:
        path = self.fleet.root / "fleet" / "site.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        self.fleet.commit("edit")
        self.fleet.render()

    @property
    def folder(self) -> Path:
        return store_of(self.fleet.project).root / "machines"

    @property
    def names(self) -> list[str]:
        return [f"w-{number}-{self.digest.short}" for number in (1, 2)]


def a_disk(folder: Path, name: str) -> Path:
    path = folder / f"{name}.qcow2"
    create_disk(path, size_mib=len(name))
    return path


@contextmanager
def open_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, states: ReleaseStates | None = None, port: int = 0
) -> Iterator[Lab]:
    """Published, locked and rendered; on a hypervisor without guests, unless another is named.

    With `states` that is done once, for a registry on `port`, and then copied.
    """
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    with simulated_registry(port=port) as simulator:
        fleet = open_fleet_site(tmp_path, simulator)

        def make() -> Digest:
            return _prepared(fleet, tmp_path)

        yield Lab(fleet, states.begin("lab", fleet.release, make) if states else make())


def _prepared(fleet: FleetSite, folder: Path) -> Digest:
    path = fleet.root / "fleet" / "site.yaml"
    path.write_text(path.read_text().replace("w-[1-4]", "w-[1-2]").replace("10.0.0.[1-4]", "10.0.0.[1-2]"))
    fleet.commit("two nodes")
    digest = published(fleet, {"KAIROS_VERSION": "v1", **SAID})
    push_disk_of(fleet, digest, a_disk(folder, "disk"))
    Lab(fleet, digest).render()
    return digest
