"""A machine for a person: built when needed, booted, nothing checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from imagekit.app.bootpath import LocalMachines, installed_machine, make_disks
from imagekit.app.forks import session_machine
from imagekit.app.hosts import host_for
from imagekit.app.image import built
from imagekit.app.interface import Subject
from imagekit.app.needs import host_of, machine_needs
from imagekit.app.runs import new_run
from imagekit.base.log import note
from imagekit.config.load import Project
from imagekit.doctor.check import VERIFY, require
from imagekit.fixtures.network import FixtureNetwork
from imagekit.fixtures.session import fixture_network, require_fixtures
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
    fixtures: Sequence[str] = (),
) -> Iterator[NodeMachine]:
    """A machine of an image for the time of the block; its console log stays in the runs folder.

    `firmware` names a profile, such as ``uefi+tpm``; without it the image's own declaration holds. It is a fork where
    there is a saved node of the digest, and `cold` does not want another. With `fixtures` it is in their network, and
    reaches nothing else; what it tried is said at the end.
    """
    if fixtures:  # before anything is built
        require_fixtures(project.harness, fixtures)
    if firmware:
        chosen, tpm = parse_profile(firmware)
        project = project.with_machine(name, chosen, tpm=tpm)
    require((*VERIFY, *machine_needs(project.image(name).vm, (boot_path,))), host_of(project))
    image = built(project, make_plan(project, name))
    run_id, folder = new_run(project.work)
    subject = Subject(project=project, name=name, image=image, run_id=run_id, folder=folder)
    subject = replace(subject, uri=host_for(project, name, subject.shape, here=bool(fixtures)))
    with ExitStack() as stack:
        link = None
        if fixtures:
            network = stack.enter_context(fixture_network(subject.harness, fixtures, run_id))
            stack.callback(_tell_attempts, network)
            _tell_ways(network)
            link = network.link
        if boot_path is BootPath.INSTALLED and installer is Installer.AGENT:
            yield stack.enter_context(installed_machine(subject, installer=installer, link=link))
        else:
            machines = LocalMachines(subject, make_disks(subject), boot_path, link=link)
            yield stack.enter_context(session_machine(machines, cold="asked for with --cold" if cold else ""))


def _tell_ways(network: FixtureNetwork) -> None:
    for served, port in network.published.items():
        name, _, inside = served.rpartition(":")
        note(f"From here, port {inside} of the fixture {name} is 127.0.0.1:{port}")
    for path in network.handed:
        note(f"Of the fixture {path.parent.name}, for use from here: {path}")


def _tell_attempts(network: FixtureNetwork) -> None:
    wanted = network.attempts()
    if wanted:
        note(f"The node wanted out of the fixture network, in vain: {', '.join(each.text for each in wanted)}")
