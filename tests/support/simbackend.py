"""A world without engine, hypervisor and registry for whole runs in a unit test: it can fail at any stage.

It counts what is asked of it, keeps what was published, and has a clock that a test turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from imagekit.app.interface import Booted, BootPathResult, Disks, Origin, Subject, Target
from imagekit.app.keptmachine import KeptMachine
from imagekit.artifact.packagelist import Package
from imagekit.base.errors import RefusedError
from imagekit.build.result import Build, folder_of
from imagekit.checks.judged import NOT_ON_FORKS
from imagekit.checks.outcome import CheckResult, Outcome, SuiteResult
from imagekit.checks.scenario import ScenarioResult
from imagekit.checks.tlspeer import Peers, TlsPeer
from imagekit.config.load import Project
from imagekit.doctor.model import Need
from imagekit.machine.interface import BootPath, BootRecord, Start
from imagekit.oci.reference import Digest
from imagekit.plan.model import Plan
from imagekit.plan.resolve import make_plan
from imagekit.report.result import BootChart, ConsoleExcerpt, ReleaseRow, RunResult
from imagekit.scenarios.options import ScenarioOptions
from imagekit.scenarios.runner import ScenarioRun
from tests.support.images import BOOT

PUBLISHED = "registry.example/imagekit/small-node"
_CHART = BootChart(kernel=1.0, initrd=2.0, userspace=3.0, finished=6.0, units=(), unit_count=0)


class SimulatedError(RefusedError):
    """What a stage that is told to fail ends with."""


@dataclass(frozen=True, slots=True)
class SimDisks:
    """What machines would boot from."""

    kernel_release: str = "6.12.0-test"
    reused: bool = False


@dataclass(frozen=True, slots=True)
class SimOrigin:
    """What the scenarios would start from."""

    digest: Digest
    version: str = "v1.0.0"
    said: str = "the image itself"


@dataclass(slots=True)
class SimMachine:
    """A machine that is up."""

    world: SimBackend
    subject: Subject
    boot_path: BootPath
    start: Start = Start.COLD
    reason: str = ""

    @property
    def boot(self) -> BootRecord:
        """What the boot cost."""
        return replace(BOOT, boot_path=self.boot_path, start=self.start, reason=self.reason)

    @property
    def login(self) -> str:
        """The command that would log in."""
        return f"ssh {self.subject.name}-{self.boot_path}"

    def kept(self) -> KeptMachine:
        """What another process would be told."""
        peer = TlsPeer("10.0.2.100", 1)
        return KeptMachine(
            image=self.subject.name,
            boot_path=self.boot_path,
            run_id=self.subject.run_id,
            version=self.subject.image.version,
            digest=str(self.subject.image.digest),
            folder=str(self.subject.folder),
            login=self.login,
            alias="node",
            ssh_config=str(self.subject.folder / "machine" / "ssh_config"),
            pace=1.0,
            peers=Peers(peer, peer),
        )

    def check(self) -> BootPathResult:
        """One check, that ends as the world was told for this boot path."""
        suite = self.subject.suite
        self.world.called(f"check {self.boot_path if suite is None else suite.name}")
        outcome, message = self.world.outcomes.get(self.boot_path, Outcome.PASSED), ""
        folder = "base" if suite is None else suite.name
        if suite is not None:
            outcome = self.world.suite_outcomes.get(suite.name, Outcome.PASSED)
        if self.start is Start.FORK and self.world.unjudged:
            outcome, message = Outcome.MISSING, NOT_ON_FORKS
        checks = (
            CheckResult(
                id=f"{folder}/test_x.py::test_x",
                layer=folder,
                title="x holds",
                outcome=outcome,
                seconds=0.1,
                message=message,
            ),
        )
        return BootPathResult(
            boot_path=self.boot_path,
            boot=self.boot,
            chart=_CHART,
            console=ConsoleExcerpt(lines=(), total=7),
            suites=SuiteResult(
                suite_hash="5" * 64,
                checks=checks if self.world.collects else (),
                seconds=0.1,
                selection=self.subject.selection.said,
            ),
        )


@dataclass(slots=True)
class SimBackend:
    """See `imagekit.app.interface.Backend`.

    `failing` names calls, such as ``publish`` or ``boot live``, that raise `SimulatedError`; `interrupted` calls that
    are ended by Ctrl-C. `calls` counts every call. `scenario_outcomes` says how a scenario ends that does not pass,
    `scenario_limits` which limit of its framework it met then.
    """

    failing: set[str] = field(default_factory=set)
    interrupted: set[str] = field(default_factory=set)
    outcomes: dict[BootPath, Outcome] = field(default_factory=dict)
    suite_outcomes: dict[str, Outcome] = field(default_factory=dict)
    scenario_outcomes: dict[str, Outcome] = field(default_factory=dict)
    scenario_limits: dict[str, str] = field(default_factory=dict)
    collects: bool = True
    calls: Counter[str] = field(default_factory=Counter)
    clock: datetime = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
    age: timedelta | None = timedelta(days=30)
    tags: dict[str, Digest] = field(default_factory=dict)
    published: list[RunResult] = field(default_factory=list)
    alive: list[BootPath] = field(default_factory=list)
    needed: tuple[Need, ...] = ()
    subjects: list[Subject] = field(default_factory=list)
    saved: set[tuple[Digest, BootPath]] = field(default_factory=set)
    cold: bool = False
    unjudged: bool = False
    places: tuple[str, ...] = ("sim://one",)
    booted_at: list[tuple[BootPath, str]] = field(default_factory=list)
    asked_here: list[bool] = field(default_factory=list)

    def called(self, name: str) -> None:
        """Count a call, and let it end as it was told."""
        self.calls[name] += 1
        self.clock += timedelta(minutes=1)
        if name in self.interrupted:
            raise KeyboardInterrupt
        if name in self.failing:
            raise SimulatedError(f"{name} was told to fail", hint="Ask the test.")

    def now(self) -> datetime:
        """The simulated time."""
        return self.clock

    def plan(self, project: Project, name: str) -> Plan:
        """The real plan."""
        self.called("plan")
        return make_plan(project, name)

    def earlier_build(self, project: Project, plan: Plan) -> Build | None:
        """What `build` left."""
        return self._build(project, plan, reused=True) if folder_of(project.work, plan).exists() else None

    def require(self, project: Project, needs: Sequence[Need]) -> None:
        """Take note of the needs."""
        self.needed = tuple(needs)
        self.called("needs")

    def require_signer(self, project: Project) -> None:
        """The key that would be opened."""
        self.called("require signer")

    def require_memory(self, project: Project, name: str) -> None:
        """The memory of this machine."""
        self.called("memory")

    def require_registry(self, project: Project) -> None:
        """The registry that would be asked."""
        self.called("require registry")

    def lint(self, target: Target, boot_paths: Sequence[BootPath]) -> int:
        """One check a boot path."""
        self.called("lint")
        return len(boot_paths)

    def build(self, project: Project, plan: Plan) -> Build:
        """A build whose digest is a hash of the plan's id."""
        self.called("build")
        folder_of(project.work, plan).mkdir(parents=True)
        return self._build(project, plan, reused=False)

    def _build(self, project: Project, plan: Plan, *, reused: bool) -> Build:
        return Build(
            image=plan.image,
            plan_id=plan.id,
            version=plan.version,
            digest=Digest.of(plan.id.encode()),
            layout=folder_of(project.work, plan) / "oci",
            layers=(),
            seconds=1.0,
            reused=reused,
        )

    def prove(self, project: Project, plan: Plan, image: Build) -> tuple[Package, ...]:
        """Nothing is in it, and that is proven."""
        self.called("proof")
        return ()

    def disks(self, subject: Subject, boot_paths: Sequence[BootPath]) -> SimDisks:
        """Disks."""
        self.called("disks")
        return SimDisks()

    @contextmanager
    def boot(self, subject: Subject, disks: Disks, boot_path: BootPath, *, cold: str = "") -> Iterator[Booted]:
        """A machine for the time of the block; a fork when there was one of this digest before."""
        node = (subject.image.digest, boot_path)
        self.booted_at.append((boot_path, subject.uri))
        start = Start.FORK if node in self.saved and not cold else Start.COLD
        self.saved.add(node)
        self.alive.append(boot_path)
        try:
            self.called(f"boot {boot_path if subject.suite is None else subject.suite.name}")
            yield SimMachine(self, subject, boot_path, start, cold)
        finally:
            self.alive.remove(boot_path)

    def hosts(self, subject: Subject, number: int, *, here: bool = False) -> tuple[str, ...]:
        """As many as it was given."""
        self.asked_here.append(here)
        return self.places[:number]

    def end_machines(self, run_id: str) -> None:
        """Those that wait for one another see that it is over."""
        self.called("end machines")

    def console(self, subject: Subject, boot_path: BootPath) -> ConsoleExcerpt | None:
        """The console of a machine that never came up."""
        return ConsoleExcerpt(lines=(), total=3)

    def origin_digest(self, subject: Subject, options: ScenarioOptions) -> Digest | None:
        """The image itself, unless another one was asked for."""
        return None if options.upgrade_from else subject.image.digest

    def origin(self, subject: Subject, options: ScenarioOptions) -> SimOrigin:
        """The image itself."""
        self.called("origin")
        return SimOrigin(subject.image.digest)

    def run_scenarios(self, subject: Subject, origin: Origin, options: ScenarioOptions) -> Iterator[ScenarioRun]:
        """Each ends as the world was told."""
        self.subjects.append(subject)
        for scenario in options.scenarios:
            self.called(f"scenario {scenario.name}")
            outcome = self.scenario_outcomes.get(scenario.name, Outcome.PASSED)
            result = ScenarioResult(
                name=scenario.name,
                promise=scenario.promise,
                outcome=outcome,
                seconds=1.0,
                budget=scenario.budget,
                start=Start.COLD if options.cold else Start.FORK,
                limit=self.scenario_limits.get(scenario.name, ""),
            )
            yield ScenarioRun(result=result, boot_seconds=1.0, write_seconds=1.0, writes=1)

    def changes(self, project: Project, good: RunResult, plan: Plan, image: Build | None) -> tuple[str, ...]:
        """Two digests, or a digest and a plan."""
        self.called("changes")
        return (f"from {good.digest} to {image.digest if image else plan.id}",)

    def demands_cold(self, project: Project) -> bool:
        """What the policy would say."""
        return self.cold

    def result_age(self, project: Project) -> timedelta | None:
        """What the policy would say."""
        return self.age

    def publish(
        self, project: Project, plan: Plan, image: Build, result: RunResult, packages: Sequence[Package]
    ) -> ReleaseRow:
        """A registry that takes a version once."""
        self.called("publish")
        there = self.tags.get(plan.version)
        if there not in (None, image.digest):
            raise SimulatedError(f"{plan.version} is taken")
        self.tags[plan.version] = image.digest
        self.published.append(result)
        return ReleaseRow(
            reference=f"{PUBLISHED}:{plan.version}",
            digest=str(image.digest),
            key_fingerprint="f" * 16,
            already_there=there is not None,
        )
