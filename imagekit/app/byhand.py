"""A machine for a person: built when needed, booted, nothing checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from imagekit.app.forks import session_machine
from imagekit.app.image import built
from imagekit.app.interface import Subject
from imagekit.app.needs import host_of, machine_needs
from imagekit.app.node import LocalMachines, installed_machine, make_disks
from imagekit.app.runs import new_run
from imagekit.config.load import Project
from imagekit.doctor.check import VERIFY, require
from imagekit.machine.interface import BootPath, Installer
from imagekit.machine.machine import NodeMachine
from imagekit.machine.profile import parse_profile
from imagekit.plan.resolve import make_plan


@contextmanager
def machine_by_hand(
    project: Project,
    name: str,
    boot_path: BootPath,
    firmware: str = "",
    installer: Installer = Installer.DISK,
    *,
    cold: bool = False,
) -> Iterator[NodeMachine]:
    """A machine of an image for the time of the block; its console log stays in the runs folder.

    `firmware` names a profile, such as ``uefi+tpm``; without it the image's own declaration holds. It is a fork where
    there is a saved node of the digest, and `cold` does not want another.
    """
    if firmware:
        chosen, tpm = parse_profile(firmware)
        project = project.with_machine(name, chosen, tpm=tpm)
    require((*VERIFY, *machine_needs(project.image(name).vm, (boot_path,))), host_of(project))
    image = built(project, make_plan(project, name))
    run_id, folder = new_run(project.work)
    subject = Subject(project=project, name=name, image=image, run_id=run_id, folder=folder)
    if boot_path is BootPath.INSTALLED and installer is Installer.AGENT:
        with installed_machine(subject, installer=installer) as installed:
            yield installed
    else:
        machines = LocalMachines(subject, make_disks(subject), boot_path)
        with session_machine(machines, cold="asked for with --cold" if cold else "") as machine:
            yield machine
