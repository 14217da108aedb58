"""What a run needs of the world: engine, hypervisor and registry behind one seam.

`imagekit.app.local` is the real one; tests/support/simbackend.py one that fails wherever it is told to, so that a whole
run, with each stage failing, happens in a unit test.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from imagekit.app.keptmachine import KeptMachine
from imagekit.app.target import Target as Target
from imagekit.artifact.packagelist import Package
from imagekit.build.result import Build
from imagekit.checks.judged import NOT_ON_FORKS
from imagekit.checks.outcome import SuiteResult
from imagekit.config.load import Project
from imagekit.doctor.model import Need
from imagekit.inventory.live import Listening
from imagekit.machine.interface import BootPath, BootRecord
from imagekit.oci.reference import Digest
from imagekit.plan.model import Plan
from imagekit.report.result import BootChart, ConsoleExcerpt, ReleaseRow, RunResult, UnitJournal
from imagekit.scenarios.options import ScenarioOptions
from imagekit.scenarios.runner import ScenarioRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject(Target):
    """What is tested: the image, built."""

    image: Build


@dataclass(frozen=True, slots=True, kw_only=True)
class BootPathResult:
    """What one boot path brought."""

    boot_path: BootPath
    boot: BootRecord
    chart: BootChart
    console: ConsoleExcerpt
    suites: SuiteResult
    journals: tuple[UnitJournal, ...] = ()
    notes: tuple[str, ...] = ()
    listening: tuple[Listening, ...] | None = None

    @property
    def unjudged(self) -> tuple[str, ...]:
        """Checks that judge a boot itself, and had none to judge: on a fork."""
        return tuple(check.id for check in self.suites.checks if check.message == NOT_ON_FORKS)


class Booted(Protocol):
    """A machine that came up, for as long as the block that made it."""

    @property
    def boot(self) -> BootRecord:
        """What the boot was and cost."""

    @property
    def login(self) -> str:
        """The command that logs in."""

    def kept(self) -> KeptMachine:
        """What another process needs to work on it while this one keeps it."""

    def check(self) -> BootPathResult:
        """Run every check of the image's layers; a check that fails is in the result, not an error."""


class Disks(Protocol):
    """What machines boot from: made once for a digest."""

    @property
    def kernel_release(self) -> str:
        """The image's kernel, such as ``6.12.57+deb13-amd64``."""

    @property
    def reused(self) -> bool:
        """Whether they were there."""


class Origin(Protocol):
    """The image that is installed before the scenarios' upgrades."""

    @property
    def digest(self) -> Digest:
        """Its digest."""

    @property
    def version(self) -> str:
        """Its version."""

    @property
    def said(self) -> str:
        """Where it was taken from, in words."""


class Backend(Protocol):
    """The world that a run works on; each method raises an `ImagekitError` when it cannot do what it says."""

    def now(self) -> datetime:
        """The time, in UTC."""

    def plan(self, project: Project, name: str) -> Plan:
        """The plan of an image."""

    def earlier_build(self, project: Project, plan: Plan) -> Build | None:
        """The kept build of a plan, whole; without one the plan is held to what a build needs."""

    def require(self, project: Project, needs: Sequence[Need]) -> None:
        """Hold this machine to what the stages need."""

    def require_memory(self, project: Project, name: str) -> None:
        """Hold the hosts to the memory of an image's machine."""

    def require_registry(self, project: Project) -> None:
        """Hold the registry that will be published to to an answer, before anything is built."""

    def require_signer(self, project: Project) -> None:
        """Open the key that will sign, before anything is built."""

    def lint(self, target: Target, boot_paths: Sequence[BootPath]) -> int:
        """Hold the checks of these boot paths against what they will get, before a build; how many there are."""

    def build(self, project: Project, plan: Plan) -> Build:
        """Build a plan."""

    def prove(self, project: Project, plan: Plan, image: Build) -> tuple[Package, ...]:
        """Prove that all that was declared is in the artifact; its packages."""

    def disks(self, subject: Subject, boot_paths: Sequence[BootPath]) -> Disks:
        """What machines boot from on these boot paths."""

    def boot(
        self, subject: Subject, disks: Disks, boot_path: BootPath, *, cold: str = ""
    ) -> AbstractContextManager[Booted]:
        """A machine that came up, or a fork of one; `cold` says why it may be no fork, empty: it may."""

    def hosts(self, subject: Subject, number: int, *, here: bool = False) -> tuple[str, ...]:
        """Where so many machines of the image could run side by side, one address for each, of which there is one.

        With `here` on this host alone.
        """

    def end_machines(self, run_id: str) -> None:
        """End every machine of a run that `boot` gave or gives, from another thread; who waits for one sees it end."""

    def console(self, subject: Subject, boot_path: BootPath) -> ConsoleExcerpt | None:
        """What the machine of a boot path wrote, also one that never came up; None when there was none."""

    def origin_digest(self, subject: Subject, options: ScenarioOptions) -> Digest | None:
        """The digest that the scenarios would start from, without fetching it; None when only a registry can tell."""

    def origin(self, subject: Subject, options: ScenarioOptions) -> Origin:
        """The image that the scenarios start from, verified and fetched."""

    def run_scenarios(self, subject: Subject, origin: Origin, options: ScenarioOptions) -> Iterator[ScenarioRun]:
        """Run the scenarios; yields each result as it comes."""

    def changes(self, project: Project, good: RunResult, plan: Plan, image: Build | None) -> tuple[str, ...]:
        """What the image, or without one its plan, differs in from that of a good run, in a few lines."""

    def demands_cold(self, project: Project) -> bool:
        """Whether the policy lets only cold boots be published."""

    def result_age(self, project: Project) -> timedelta | None:
        """How old a test result may be at most to be published, by the policy; None without such a rule."""

    def publish(
        self, project: Project, plan: Plan, image: Build, result: RunResult, packages: Sequence[Package]
    ) -> ReleaseRow:
        """Sign a tested digest and give it its tag."""
