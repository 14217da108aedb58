"""A machine that a suite with fixtures prepared, for tests: single checks of the suite, faults planted and healed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from imagekit.app.interface import Subject
from imagekit.app.local import LocalBackend, LocalMachine
from imagekit.app.target import suites_of, with_suite
from imagekit.build.result import earlier_build
from imagekit.checks.named import named_suites
from imagekit.checks.outcome import CheckResult, Outcome
from imagekit.checks.runner import run_suites
from imagekit.checks.selection import Selection
from imagekit.config.load import load_project
from imagekit.machine.interface import BootPath
from imagekit.plan.resolve import make_plan
from tests.support.plantedfaults import NodeFault


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


@contextmanager
def suite_node(root: Path, image: str, suite: str, folder: Path, boot_path: BootPath) -> Iterator[SuiteNode]:
    """A machine of an image that a project has built, prepared for a suite."""
    project = load_project(root)
    built = earlier_build(project.work, make_plan(project, image))
    assert built is not None, "it is not built"
    subject = Subject(project=project, name=image, run_id=suite, folder=folder, image=built)
    asked = with_suite(subject, named_suites(project.harness)[suite])
    backend = LocalBackend()
    with backend.boot(asked, backend.disks(asked, (boot_path,)), boot_path) as machine:
        assert isinstance(machine, LocalMachine)
        yield SuiteNode(machine)
