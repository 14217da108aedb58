"""A machine for a person: built when needed, booted, nothing checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from imagekit.config.load import Project
from imagekit.doctor.check import VERIFY, require
from imagekit.pipeline.image import built
from imagekit.pipeline.needs import host_of
from imagekit.pipeline.node import Subject, machine_of, make_disks
from imagekit.pipeline.runs import new_run
from imagekit.plan.resolve import make_plan
from imagekit.vm.interface import Road
from imagekit.vm.machine import NodeMachine


@contextmanager
def machine_by_hand(project: Project, name: str, road: Road) -> Iterator[NodeMachine]:
    """A booted machine of an image for the time of the block; its console log stays in the runs folder."""
    require(VERIFY, host_of(project))
    image = built(project, make_plan(project, name))
    run_id, folder = new_run(project.work)
    subject = Subject(project=project, name=name, image=image, run_id=run_id, folder=folder)
    with machine_of(subject, make_disks(subject), road) as machine:
        yield machine
