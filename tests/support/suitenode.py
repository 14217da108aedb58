"""A machine that a suite with fixtures prepared, for tests: single checks of the suite, faults, upgrades."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from imagekit.app.interface import Subject
from imagekit.app.local import LocalBackend, LocalMachine
from imagekit.app.target import suites_of, with_suite
from imagekit.base.process import run
from imagekit.build.result import Build, earlier_build
from imagekit.checks.named import named_suites
from imagekit.checks.outcome import CheckResult, Outcome
from imagekit.checks.runner import run_suites
from imagekit.checks.selection import Selection
from imagekit.config.load import load_project
from imagekit.machine.interface import BootPath
from imagekit.machine.node import InstalledNode
from imagekit.plan.resolve import make_plan
from imagekit.scenarios.nodes import ScenarioNode
from tests.support.plantedfaults import NodeFault

_REFERENCE = "10.0.2.40:5000/team/node:1"  # as the node names it: fixture `registry`, without TLS


@dataclass(frozen=True, slots=True)
class SuiteNode:
    """The machine, in the network of the suite's fixtures."""

    machine: LocalMachine

    def run(self, command: str) -> str:
        """Run a shell command on the node as root. Raises `AssertionError` when that did not work."""
        done = self.machine.machine.run(command, timeout=120)
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    def checked(self, name: str = "") -> tuple[CheckResult, ...]:
        """The checks of the suite of this name, or all."""
        node = self.machine.machine
        subject = replace(self.machine.subject, selection=Selection(expression=name))
        where = suites_of(subject, node.boot.boot_path)
        found = run_suites(node, subject.checked, where, network=self.machine.network)
        return tuple(check for check in found.checks if not name or f"::{name}" in check.id)

    def wrong(self) -> list[tuple[str, str]]:
        """The checks that do not pass, and what they say; an error when there are none at all."""
        found = self.checked()
        assert found
        return [(check.id, check.message) for check in found if check.outcome is not Outcome.PASSED]

    def named(self, fault: NodeFault) -> None:
        """Plant a fault and heal it; raises `AssertionError` unless its check names it, and passes afterwards."""
        self.run(fault.plant)
        try:
            found = self.checked(fault.check)
        finally:
            self.run(fault.heal)
        failed = [check for check in found if check.outcome is Outcome.FAILED]
        assert failed, "the check did not see it"
        assert fault.says in failed[0].message
        assert failed[0].runbook == fault.page
        assert {check.outcome for check in self.checked(fault.check)} == {Outcome.PASSED}


def image_of(root: Path, image: str, *, locked: bool = False) -> Build:
    """What a project has built of an image as it is declared now. Raises `AssertionError` where it has not."""
    project = replace(load_project(root), locked=locked)
    built = earlier_build(project.work, make_plan(project, image))
    assert built is not None, "it is not built"
    return built


@contextmanager
def suite_node(
    root: Path,
    image: str,
    suite: str,
    folder: Path,
    boot_path: BootPath,
    *,
    fixtures: tuple[str, ...] = (),
    cold: str = "",
) -> Iterator[SuiteNode]:
    """A machine of an image that a project has built, prepared for a suite.

    `fixtures` run beside the suite's own. On another boot path than the direct one the suite's cloud-config comes by
    the machine's seed, as at a site. With `cold`, which says why, it is no fork of a saved node.
    """
    project = load_project(root)
    subject = Subject(project=project, name=image, run_id=suite, folder=folder, image=image_of(root, image))
    declared = named_suites(project.harness)[suite]
    more = {"seed": declared.seed or boot_path is not BootPath.DIRECT, "boot_path": boot_path}
    asked = with_suite(subject, declared.model_copy(update={**more, "fixtures": (*declared.fixtures, *fixtures)}))
    backend = LocalBackend()
    with backend.boot(asked, backend.disks(asked, (boot_path,)), boot_path, cold=cold) as machine:
        assert isinstance(machine, LocalMachine)
        yield SuiteNode(machine)


def as_scenario(machine: LocalMachine) -> ScenarioNode:
    """An installed node as the scripts of scenarios have it: it reboots, and they choose what it boots."""
    assert isinstance(machine.machine, InstalledNode)
    node = ScenarioNode(machine.machine)
    node.pace = machine.machine.boot.pace
    return node


def upgrade(machine: LocalMachine, image: Build) -> None:
    """Bring an image to the fixture `registry` beside the node, and upgrade the node to it; it does not reboot yet."""
    assert machine.network is not None
    crane = shutil.which("crane")
    assert crane is not None, "bin/setup dev brings crane"
    at = machine.network.way_in("registry", 5000)
    run([crane, "push", "--insecure", image.layout, f"{at}/{_REFERENCE.partition('/')[2]}"], timeout=600)
    command = f"kairos-agent upgrade --source oci:{_REFERENCE} --allow-insecure-registries"
    done = machine.machine.run(command, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
