"""From an image's name to the facts of every trip that is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from imagekit.conformance.image import image_facts
from imagekit.conformance.model import Moment, Road, Trip, TripFacts
from imagekit.conformance.node import Place, live_facts, live_node
from imagekit.config.load import Project
from imagekit.disk.live import live_artifacts
from imagekit.log import step
from imagekit.oci import Digest
from imagekit.pipeline.image import built
from imagekit.pipeline.needs import libvirt_uri
from imagekit.pipeline.runs import new_run
from imagekit.plan.resolve import make_plan
from imagekit.services.libvirtd import libvirt
from imagekit.vm.sweep import sweep


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at: an OCI layout and the digest of a manifest in it."""

    name: str
    layout: Path
    digest: Digest


def built_subject(project: Project, name: str) -> Subject:
    """An image of the project, built when it is not yet."""
    image = built(project, make_plan(project, name))
    return Subject(name, image.layout, image.digest)


def record(project: Project, subject: Subject, trips: Sequence[Trip]) -> dict[str, TripFacts]:
    """The facts of all these trips; what a node did not come to is said in `TripFacts.broken`, never left out."""
    found = {trip.name: TripFacts() for trip in trips}
    for trip in trips:
        if trip.road is Road.IMAGE:
            found[trip.name].moments[Moment.IMAGE] = image_facts(subject.layout, subject.digest)
    booted = [trip for trip in trips if trip.road is not Road.IMAGE]
    if booted:
        _boot(project, subject, booted, found)
    return found


def _boot(project: Project, subject: Subject, trips: Sequence[Trip], found: dict[str, TripFacts]) -> None:
    harness, uri = project.root / "vm-harness", libvirt_uri(project)
    artifacts = live_artifacts(subject.layout, subject.digest, project.work / "disks", harness=harness)
    run_id, folder = new_run(project.work)
    place = Place(artifacts=artifacts, harness=harness, folder=folder, run_id=run_id, uri=uri)
    with libvirt(uri):
        sweep(uri)
        for trip in trips:
            with step(f"Trip {trip.name}"), live_node(place, trip.firmware) as machine:
                found[trip.name].moments[Moment.LIVE] = live_facts(machine)


@cache
def _kept() -> dict[str, TripFacts]:
    return {}


def recorded(project: Project, name: str, trip: Trip, asked: Sequence[Trip]) -> TripFacts:
    """The facts of one trip of those that this process asks for, each recorded once."""
    kept = _kept()
    if trip.name not in kept:
        together = [one for one in asked if (one.road is Road.IMAGE) == (trip.road is Road.IMAGE)]
        kept.update(record(project, built_subject(project, name), together))
    return kept[trip.name]
