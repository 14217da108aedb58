"""The real world of a run: the build engine, libvirt and the registry of this machine and project."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from imagekit.app import bootpath, checking
from imagekit.app.bootcost import boot_cost
from imagekit.app.changes import changes_since
from imagekit.app.forks import session_machine
from imagekit.app.hosts import host_for, hosts_for, require_room
from imagekit.app.image import built, proven
from imagekit.app.interface import Booted, BootPathResult, Disks, Origin, Subject, Target
from imagekit.app.keptmachine import KeptMachine
from imagekit.app.lifecycle import origin_digest, run_lifecycle, start_of
from imagekit.app.needs import host_of
from imagekit.app.release import publish, require_reachable, require_signer
from imagekit.app.trusted import demands_cold, result_age
from imagekit.artifact.live import LiveArtifacts
from imagekit.artifact.packagelist import Package
from imagekit.base.log import step
from imagekit.base.space import require_space, require_temporary
from imagekit.build.result import Build, earlier_build
from imagekit.checks.named import prepare
from imagekit.checks.tlspeer import Peers
from imagekit.config.load import Project
from imagekit.doctor.check import require
from imagekit.doctor.model import Need
from imagekit.fixtures.network import FixtureNetwork
from imagekit.fixtures.session import fixture_network, require_fixtures
from imagekit.machine.alive import end_all
from imagekit.machine.interface import BootPath, BootRecord
from imagekit.machine.node import InstalledNode
from imagekit.machine.ssh import shell_argv
from imagekit.oci.reference import Digest
from imagekit.plan.lock import require_buildable
from imagekit.plan.model import Plan
from imagekit.plan.resolve import make_plan
from imagekit.report.bootchart import collect_chart
from imagekit.report.result import ConsoleExcerpt, ReleaseRow, RunResult
from imagekit.scenarios.options import ScenarioOptions
from imagekit.scenarios.runner import ScenarioRun
from imagekit.scenarios.start import Start

_MACHINES = 1 << 30  # bytes: kernel, root file system and ISO of one image have 0.5 GB, an overlay grows by as much


@dataclass(frozen=True, slots=True)
class LocalMachine:
    """A machine of this host's libvirt, and the TLS servers that its checks talk to."""

    subject: Subject
    machine: InstalledNode
    peers: Peers
    network: FixtureNetwork | None = None

    @property
    def boot(self) -> BootRecord:
        """What the boot was and cost."""
        return self.machine.boot

    @property
    def login(self) -> str:
        """The command that logs in."""
        return shlex.join(shell_argv(self.machine.ssh))

    def kept(self) -> KeptMachine:
        """What another process needs to work on it."""
        boot = self.machine.boot
        return KeptMachine(
            image=self.subject.name,
            boot_path=boot.boot_path,
            run_id=self.subject.run_id,
            version=self.subject.image.version,
            digest=str(self.subject.image.digest),
            folder=str(self.subject.folder),
            login=self.login,
            alias=self.machine.ssh.alias,
            ssh_config=str(self.machine.ssh.config),
            pace=boot.scaled(1000.0) / 1000.0,
            peers=self.peers,
            start=boot.start,
            suite=self.subject.suite.name if self.subject.suite is not None else "",
            network=self.network,
            judged=str(self.machine.judged or ""),
            cost=boot_cost(self.subject, boot, collect_chart(self.machine)),
            agent=self.machine.agent,
        )

    def check(self) -> BootPathResult:
        """Run every check of the image's layers."""
        return checking.check_machine(self.subject, self.machine, self.peers, self.network)


class LocalBackend:
    """See `imagekit.app.interface.Backend`."""

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def plan(self, project: Project, name: str) -> Plan:
        """The plan of an image."""
        return make_plan(project, name)

    def earlier_build(self, project: Project, plan: Plan) -> Build | None:
        """The kept build of a plan; without one `NotLockedError` for inputs that no build may have."""
        found = earlier_build(project.work, plan)
        if found is None:
            require_buildable(plan)
        return found

    def require(self, project: Project, needs: Sequence[Need]) -> None:
        """Hold this machine to what the stages need."""
        require_temporary("a run")  # without one, what programs say of it is about something else
        require(needs, host_of(project))
        if Need.QEMU in needs:
            require_space("booting the image's machines", project.work, _MACHINES)

    def require_memory(self, project: Project, name: str) -> None:
        """Raise unless the image's machine fits on this host, or on one of several."""
        require_room(project, name)

    def require_registry(self, project: Project) -> None:
        """Raise unless the registry answers and its address is one that publishing takes."""
        require_reachable(project)

    def require_signer(self, project: Project) -> None:
        """Raise unless the key that will sign can be opened."""
        require_signer(project)

    def lint(self, target: Target, boot_paths: Sequence[BootPath]) -> int:
        """Hold the checks against what they will get; how many there are. Servers beside the machine have to start."""
        if target.suite is not None and target.suite.fixtures:
            require_fixtures(target.harness, target.suite.fixtures)
        return checking.lint_checks(target, boot_paths)

    def build(self, project: Project, plan: Plan) -> Build:
        """Build a plan with the engine of the project."""
        return built(project, plan)

    def prove(self, project: Project, plan: Plan, image: Build) -> tuple[Package, ...]:
        """Prove that all that was declared is in the artifact; its packages."""
        return proven(project, plan, image)

    def disks(self, subject: Subject, boot_paths: Sequence[BootPath]) -> LiveArtifacts:
        """What machines boot from on these boot paths."""
        artifacts = bootpath.make_disks(subject)
        if BootPath.INSTALLED in boot_paths:
            bootpath.make_installed_disk(subject)
        return artifacts

    @contextmanager
    def boot(self, subject: Subject, disks: Disks, boot_path: BootPath, *, cold: str = "") -> Iterator[Booted]:
        """A machine that came up, or a fork of one."""
        assert isinstance(disks, LiveArtifacts)
        if not subject.uri:
            here = subject.suite is not None  # its servers listen on this host alone
            subject = replace(subject, uri=host_for(subject.project, subject.name, subject.shape, here=here))
        with ExitStack() as stack:
            peers = stack.enter_context(checking.test_peers(subject))
            if subject.suite is None or not subject.suite.fixtures:
                machines = bootpath.LocalMachines(subject, disks, boot_path, peers)
                judged = subject.suite is None and not subject.selection.partial
                machine = stack.enter_context(session_machine(machines, cold=cold, judged=judged))
                if subject.suite is not None:
                    _prepare(machine, subject)
                yield LocalMachine(subject, machine, peers)
                return
            fixtures = subject.suite.fixtures
            network = stack.enter_context(fixture_network(subject.harness, fixtures, subject.run_id))
            machines = bootpath.LocalMachines(subject, disks, boot_path, link=network.link)
            machine = stack.enter_context(session_machine(machines, cold=cold))
            _prepare(machine, subject)
            yield LocalMachine(subject, machine, peers, network)

    def hosts(self, subject: Subject, number: int, *, here: bool = False) -> tuple[str, ...]:
        """A processor for each machine: of two that it has, it waits for one half of the time."""
        return hosts_for(subject.project, subject.name, subject.shape, number, here=here)

    def end_machines(self, run_id: str) -> None:
        """Every machine of the run in this process."""
        end_all(run_id)

    def console(self, subject: Subject, boot_path: BootPath) -> ConsoleExcerpt | None:
        """What the machine of a boot path wrote; None when there was none."""
        written = (subject.folder / boot_path.value / "console.log").exists()
        return checking.console_excerpt(subject, boot_path) if written else None

    def origin_digest(self, subject: Subject, options: ScenarioOptions) -> Digest | None:
        """The digest that the scenarios would start from, when that can be known without a registry."""
        return origin_digest(subject, options)

    def origin(self, subject: Subject, options: ScenarioOptions) -> Start:
        """The image that the scenarios start from."""
        return start_of(subject, options)

    def run_scenarios(self, subject: Subject, origin: Origin, options: ScenarioOptions) -> Iterator[ScenarioRun]:
        """Run the scenarios on machines of this host."""
        assert isinstance(origin, Start)
        return run_lifecycle(subject, origin, options)

    def changes(self, project: Project, good: RunResult, plan: Plan, image: Build | None) -> tuple[str, ...]:
        """What differs from a good run."""
        return changes_since(project, good, plan, image)

    def demands_cold(self, project: Project) -> bool:
        """What the policy's rules for publishing say of forks."""
        return demands_cold(project)

    def result_age(self, project: Project) -> timedelta | None:
        """What the policy's rules for publishing say of the age of test results."""
        return result_age(project)

    def publish(
        self, project: Project, plan: Plan, image: Build, result: RunResult, packages: Sequence[Package]
    ) -> ReleaseRow:
        """Sign a tested digest and give it its tag."""
        return publish(project, plan, image, result, packages)


def _prepare(machine: InstalledNode, subject: Subject) -> None:
    assert subject.suite is not None
    with step(f"Preparing the node for suite {subject.suite.name}"):
        prepare(machine, subject.suite, subject.harness)
