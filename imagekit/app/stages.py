"""The stages of a run in order, each recorded; the first that fails ends it before anything is published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TypeVar

from imagekit.app.cloudconfigs import require_clean_profile
from imagekit.app.deadline import require_in_time
from imagekit.app.interface import BootPathResult, Disks, Subject, Target
from imagekit.app.needs import run_needs
from imagekit.app.outcome import BootPathTest, start_note
from imagekit.app.reuse import Reuse
from imagekit.app.runstate import RunState
from imagekit.app.target import with_suite
from imagekit.artifact.packagelist import Package
from imagekit.base.lanes import side_by_side
from imagekit.base.log import lines_of
from imagekit.build.result import Build
from imagekit.checks.named import NamedSuite
from imagekit.machine.interface import BootPath
from imagekit.plan.model import Plan
from imagekit.scenarios.options import ScenarioOptions
from imagekit.scenarios.table import SCENARIOS

_Piece = TypeVar("_Piece", BootPath, NamedSuite)


@dataclass(slots=True)
class Run(RunState):
    """A run while it goes on."""

    def go(self) -> None:
        """Every stage in order; a boot path or a scenario that does not pass ends it before publishing."""
        plan, image = self._built()
        with self.record.stage("proof", "Proof that all that was declared is in the artifact") as stage:
            packages = self.backend.prove(self.project, plan, image)
            stage.note = f"{len(packages)} packages"
        self._test_boot_paths(image)
        self._test_suites(image)
        if self.options.lifecycle is not None and self.record.failure is None:
            self._test_scenarios(image, self.options.lifecycle)
        if self.options.publish and self.record.failure is None:
            self._publish(plan, image, packages)

    def _built(self) -> tuple[Plan, Build]:
        with self.record.stage("plan", f"Plan of {self.name}") as stage:
            self.plan = plan = self.backend.plan(self.project, self.name)
            stage.note = f"{plan.version}, plan {plan.short}"
            kept = self.backend.earlier_build(self.project, plan)
        if kept is not None:
            self._recall(kept)
        with self.record.stage("needs", "What this machine must have") as stage:
            needs = run_needs(self.project.image(self.name), self.options, builds=kept is None, boots=self._boots())
            self.backend.require(self.project, needs)
            if self._boots():
                self.backend.require_memory(self.project, self.name)
            if self.options.publish:
                self.backend.require_registry(self.project)
                if kept is None or self._boots():
                    self.backend.require_signer(self.project)
            stage.note = f"{len(needs)} needs met"
            if self.options.within is not None:
                left = self._left(built=kept is not None)
                stage.note += f", {require_in_time(self.project, self.name, left, self.options.within)}"
        self._lint([boot_path for boot_path in self.options.boot_paths if boot_path not in self.known])
        with self.record.stage("build", f"Build of {self.name}") as stage:
            self.image = image = kept or self.backend.build(self.project, plan)
            stage.reused, stage.note = image.reused, f"sha256:{image.digest.short}"
        if kept is None:
            self._recall(image)  # another plan may have given a digest that passed before
        return plan, image

    def _lint(self, boot_paths: Sequence[BootPath]) -> None:
        """A check that cannot be run is named in seconds, not after a build and a boot."""
        if not boot_paths and not self.options.suites:
            return
        target = Target(
            project=self.project,
            name=self.name,
            run_id=self.run_id,
            folder=self.folder,
            selection=self.options.selection,
        )
        with self.record.stage("lint", "Checks as they stand") as stage:
            require_clean_profile(self.project, self.name)
            number = self.backend.lint(target, boot_paths) if boot_paths else 0
            number += sum(
                self.backend.lint(with_suite(target, suite), (suite.boot_path,)) for suite in self.options.suites
            )
            stage.note = f"{number} checks to run"

    def _recall(self, image: Build) -> None:
        """Look up what passed before of this digest.

        A run that publishes says all that is known, scenarios that it was not asked for too.
        """
        if self.options.fresh or self.options.keep is not None or self.options.selection.partial:
            return
        options, cold = self.options, bool(self._why_cold())
        reuse = Reuse(self.backend, self.subject(image), cold=cold)
        self.known = reuse.boot_paths(options.boot_paths)
        if options.lifecycle is not None or options.publish:
            self.scenarios = reuse.scenarios(options.lifecycle or ScenarioOptions())

    def _boots(self) -> bool:
        """Whether anything is left that needs a machine."""
        script = self.options.lifecycle
        scenarios = script is not None and any(each.name not in self.scenarios for each in script.scenarios)
        return (
            scenarios
            or bool(self.options.suites)
            or any(boot_path not in self.known for boot_path in self.options.boot_paths)
        )

    def _left(self, *, built: bool) -> tuple[str, ...]:
        """The names of the stages that have work to do after what is known already."""
        done = {"plan", "needs", *(("build", "proof") if built else ())}
        done |= {f"{part} {boot_path}" for boot_path in self.known for part in ("boot", "checks")}
        script = self.options.lifecycle
        if script is not None and all(each.name in self.scenarios for each in script.scenarios):
            done.add("lifecycle")
        return tuple(stage for stage in self.options.stages if stage not in done)

    def _test_boot_paths(self, image: Build) -> None:
        """Boot, and run the checks, on every boot path that has not passed yet.

        Side by side where hosts have room for it, else one after another up to the first that does not pass.
        """
        for boot_path in self.options.boot_paths:
            if boot_path in self.known:
                self._tell_reused(self.known[boot_path])
        left = [boot_path for boot_path in self.options.boot_paths if boot_path not in self.known]
        if left:
            subject = self.subject(image)
            disks = self._disks(subject)
            together = len(left) > 1 and self.options.keep is None
            hosts = self.backend.hosts(subject, len(left)) if together else ()
            if len(hosts) > 1:
                self._test_together(subject, disks, left, hosts)
            else:
                self._test_in_turn(subject, disks, left)
            self.boot_paths.sort(key=lambda test: self.options.boot_paths.index(test.result.boot_path))

    def _test_in_turn(self, subject: Subject, disks: Disks, boot_paths: Sequence[BootPath]) -> None:
        for boot_path in boot_paths:
            self.at = boot_path
            found = self._test_boot_path(subject, disks, boot_path)
            if not self._require_passed(f"checks {boot_path}", found):
                return

    def _test_together(
        self, subject: Subject, disks: Disks, boot_paths: Sequence[BootPath], hosts: Sequence[str]
    ) -> None:
        def test(boot_path: BootPath, host: str) -> BootPathResult:
            return self._test_boot_path(replace(subject, uri=host), disks, boot_path)

        ended = self._side_by_side(test, {boot_path: boot_path for boot_path in boot_paths}, hosts)
        for boot_path in boot_paths:
            self.at = boot_path
            if not self._require_passed(f"checks {boot_path}", ended[boot_path]):
                return

    def _side_by_side(
        self, test: Callable[[_Piece, str], BootPathResult], pieces: Mapping[str, _Piece], hosts: Sequence[str]
    ) -> dict[str, BootPathResult]:
        """Each of the named pieces comes to its end, whatever becomes of the others; then the first error is raised."""

        def one(name: str, host: str) -> BootPathResult:
            with lines_of(name):
                return test(pieces[name], host)

        try:
            ended = side_by_side(one, tuple(pieces), hosts, interrupt=lambda: self.backend.end_machines(self.run_id))
        except KeyboardInterrupt:
            self.record.interrupted()
            # What failed when its machine was ended says nothing about the image.
            self.boot_paths = [test for test in self.boot_paths if test.reused or test.result.suites.passed]
            self.suites = {name: test for name, test in self.suites.items() if test.result.suites.passed}
            raise
        finally:
            self.record.in_order(*(f"{part} {name}" for name in pieces for part in ("boot", "checks")))
        for name, found in ended.items():
            if isinstance(found, Exception):
                piece = pieces[name]
                self.at = piece if isinstance(piece, BootPath) else self.at
                self.record.blame(f"boot {name}", f"checks {name}")
                raise found
        return {name: found for name, found in ended.items() if not isinstance(found, Exception)}

    def _tell_reused(self, test: BootPathTest) -> None:
        boot_path = test.result.boot_path
        with self.record.stage(f"boot {boot_path}", f"Kept: boot, {boot_path} boot path") as stage:
            stage.reused, stage.note = True, f"as in run {test.run_id}"
        with self.record.stage(f"checks {boot_path}", f"Kept: checks, {boot_path} boot path") as stage:
            stage.reused, stage.note = True, f"{test.result.suites.said}, on {test.tested:%Y-%m-%d %H:%M} UTC"
        self.boot_paths.append(test)

    def _disks(self, subject: Subject) -> Disks:
        with self.record.stage("disks", "Disks") as stage:
            disks = self.backend.disks(subject, self.options.boot_paths)
            stage.reused, stage.note = disks.reused, f"kernel {disks.kernel_release}"
        return disks

    def _test_boot_path(self, subject: Subject, disks: Disks, boot_path: BootPath) -> BootPathResult:
        found = self._session(subject, disks, boot_path, self._why_cold())
        if found.unjudged:  # only on a fork: a boot itself is judged on a real one alone
            return self._session(subject, disks, boot_path, f"{len(found.unjudged)} checks judge a boot itself")
        return found

    def _why_cold(self) -> str:
        """Why no fork may be used; empty when one may. What the policy does not let be published is no use here."""
        if self.options.cold or self.options.fresh:
            return "asked for with --cold or --fresh"
        demanded = self.options.publish and self.backend.demands_cold(self.project)
        return "the policy wants cold boots" if demanded else ""

    def _session(self, subject: Subject, disks: Disks, boot_path: BootPath, cold: str) -> BootPathResult:
        """One machine, and the checks on it; kept when they passed."""
        tested = self.backend.now()
        with ExitStack() as stack:
            with self.record.stage(f"boot {boot_path}", f"Boot, {boot_path} boot path") as stage:
                machine = stack.enter_context(self.backend.boot(subject, disks, boot_path, cold=cold))
                stage.note = start_note(machine.boot)
            with self.record.stage(f"checks {boot_path}", f"Checks, {boot_path} boot path") as stage:
                found = machine.check()
                stage.note, stage.failed = found.suites.said, not found.suites.passed
                if found.unjudged:
                    stage.note, stage.failed = "some judge a boot itself: a cold boot follows", False
                    return found
            self.boot_paths.append(Reuse(self.backend, subject).keep_boot_path(found, tested))
            if self.options.keep and (boot_path is self.options.boot_paths[-1] or not found.suites.passed):
                self.options.keep(machine, found.suites)
        return found

    def _test_suites(self, image: Build) -> None:
        """The suites that want fixtures, each on a machine in a network of its own, as boot paths are tested.

        They are run whenever they are asked for: what they found is about servers that are made anew each time.
        """
        suites = {suite.name: suite for suite in self.options.suites}
        if not suites or self.record.failure is not None:
            return
        subject = self.subject(image)
        disks = self.backend.disks(subject, tuple({suite.boot_path for suite in suites.values()}))
        together = len(suites) > 1 and self.options.keep is None
        hosts = self.backend.hosts(subject, len(suites), here=True) if together else ()
        if len(hosts) > 1:

            def test(suite: NamedSuite, host: str) -> BootPathResult:
                return self._test_suite(replace(subject, uri=host), disks, suite)

            for name, found in self._side_by_side(test, suites, hosts).items():
                if not self._require_passed(f"checks {name}", found):
                    break
            return
        for suite in suites.values():
            if not self._require_passed(f"checks {suite.name}", self._test_suite(subject, disks, suite)):
                return

    def _test_suite(self, subject: Subject, disks: Disks, suite: NamedSuite) -> BootPathResult:
        """One machine beside the suite's servers, and its checks."""
        tested = self.backend.now()
        with ExitStack() as stack:
            with self.record.stage(f"boot {suite.name}", f"Boot, suite {suite.name}") as stage:
                machine = stack.enter_context(
                    self.backend.boot(with_suite(subject, suite), disks, suite.boot_path, cold=self._why_cold())
                )
                stage.note = start_note(machine.boot)
            with self.record.stage(f"checks {suite.name}", f"Checks, suite {suite.name}") as stage:
                found = machine.check()
                stage.note, stage.failed = found.suites.said, not found.suites.passed
            self.suites[suite.name] = BootPathTest(found, tested, self.run_id)
            if self.options.keep and (suite is self.options.suites[-1] or not found.suites.passed):
                self.options.keep(machine, found.suites)
        return found

    def _require_passed(self, stage: str, found: BootPathResult) -> bool:
        """Whether its checks passed; otherwise that is the run's failure."""
        if found.suites.passed:
            return True
        blocking = found.suites.blocking
        first = f"{blocking[0].layer}: {blocking[0].title}" if blocking else "no check was run"
        self.record.fail(stage, f"{len(blocking)} of {len(found.suites.checks)} checks did not pass", first)
        return False

    def _test_scenarios(self, image: Build, asked: ScenarioOptions) -> None:
        """Run the scenarios that have not passed yet; every one of them, so that one broken promise hides no other."""
        left = tuple(each.name for each in asked.scenarios if each.name not in self.scenarios)
        with self.record.stage("lifecycle", "Lifecycle") as stage:
            reused = len(self.scenarios)
            asked = replace(asked, cold=bool(self._why_cold()))
            started = self._run_scenarios(image, replace(asked, names=left)) if left else ""
            good = sum(test.result.passed for test in self.scenarios.values())
            limited = sum(bool(test.result.limit) for test in self.scenarios.values())
            before = f", {reused} of them passed before" if reused else ""
            limits = f", {limited} met a limit of the framework" if limited else ""
            stage.note = f"{good} of {len(asked.scenarios)} scenarios{limits}{started}{before}, seed {asked.seed}"
            stage.reused, stage.failed = not left, good + limited < len(asked.scenarios)
        broken = [each for each in self.scenario_results() if each.blocks]
        if broken:
            hint = f"{broken[0].name}: {broken[0].detail}"
            said = f"{len(broken)} of {len(asked.scenarios)} scenarios did not keep their promise"
            self.record.fail("lifecycle", said, hint)

    def _run_scenarios(self, image: Build, left: ScenarioOptions) -> str:
        """Run these; returns from which image, in words."""
        subject = self.subject(image)
        reuse, declared = Reuse(self.backend, subject), {each.name: each for each in SCENARIOS}
        origin, tested = self.backend.origin(subject, left), self.backend.now()
        for reported in self.backend.run_scenarios(subject, origin, left):
            scenario = declared[reported.result.name]
            self.scenarios[scenario.name] = reuse.keep_scenario(scenario, reported.result, tested, origin.digest, left)
        return f" from {origin.version} ({origin.said})"

    def _publish(self, plan: Plan, image: Build, packages: tuple[Package, ...]) -> None:
        with self.record.stage("publish", "Publishing") as stage:
            self.release = self.backend.publish(self.project, plan, image, self.result(), packages)
            stage.reused, stage.note = self.release.already_there, self.release.reference
