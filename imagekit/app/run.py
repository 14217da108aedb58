"""The whole way of one image, recorded stage by stage; one result file at the end, whatever the end is."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from imagekit.app.budget import prune, told
from imagekit.app.changes import last_good, since_good
from imagekit.app.declaring import declared_at
from imagekit.app.interface import Backend, BootPathResult, Disks, Subject, Target
from imagekit.app.needs import run_needs
from imagekit.app.options import Finished, Options
from imagekit.app.outcome import BootPathTest, ScenarioTest, Tested, run_result, start_note
from imagekit.app.record import StageRecorder
from imagekit.app.remember import remember_run, tell_expected
from imagekit.app.reuse import Reuse
from imagekit.app.runs import kept_runs, new_run, write_views
from imagekit.app.target import with_suite
from imagekit.app.verdict import keep_verdict, kept_verdict, verdict_id
from imagekit.artifact.packagelist import Package
from imagekit.base.errors import ImagekitError
from imagekit.base.log import progress
from imagekit.build.builder import Build
from imagekit.checks.scenario import ScenarioResult
from imagekit.config.load import Project
from imagekit.machine.interface import BootPath
from imagekit.machine.profile import parse_profile
from imagekit.plan.model import Plan
from imagekit.report.result import ConsoleExcerpt, ReleaseRow, RunResult, Verdict, write_result
from imagekit.scenarios.options import ScenarioOptions
from imagekit.scenarios.runner import missing
from imagekit.scenarios.table import SCENARIOS


def run_image(project: Project, name: str, options: Options, backend: Backend | None = None) -> Finished:
    """Build, test and publish an image; errors end up in the result and in `Finished.error`, never half reported.

    What passed before of the same digest is reused, and the result says of which day it is.
    """
    if backend is None:
        from imagekit.app.local import LocalBackend

        backend = LocalBackend()
    if options.firmware:
        firmware, tpm = parse_profile(options.firmware)
        project = project.with_machine(name, firmware, tpm=tpm)
    if options.lifecycle is not None:
        options = replace(options, lifecycle=options.lifecycle.seeded())
    run = _Run(project, name, options, backend, *new_run(project.work))
    if words := told(prune(project, own_run=run.run_id)):
        progress(words)
    error: BaseException | None = None
    tell_expected(project, name, options.stages)
    try:
        run.go()
    except (ImagekitError, KeyboardInterrupt) as caught:
        error = caught
    result = run.result()
    if error is None and (earlier := run.done_before(result)) is not None:
        shutil.rmtree(run.folder)
        return Finished(result=earlier, page=project.work / "runs" / earlier.run_id / "report.html", unchanged=True)
    if not isinstance(error, KeyboardInterrupt):
        result = replace(result, changes=run.changes())
    result = replace(result, declared=declared_at(project.root, result))
    write_result(result, run.folder)
    remember_run(project, result)
    if result.verdict is Verdict.PASSED:
        run.keep_verdict(result)
    return Finished(result=result, page=write_views(result, run.folder), error=error)


@dataclass(slots=True)
class _Run:
    """A run while it goes on: what it was asked for, and what is known so far."""

    project: Project
    name: str
    options: Options
    backend: Backend
    run_id: str
    folder: Path
    began: datetime = field(init=False)
    record: StageRecorder = field(init=False)
    plan: Plan | None = None
    image: Build | None = None
    at: BootPath | None = None
    known: dict[BootPath, BootPathTest] = field(default_factory=dict)  # what passed before, until it is reported
    boot_paths: list[BootPathTest] = field(default_factory=list)
    suites: list[BootPathTest] = field(default_factory=list)
    scenarios: dict[str, ScenarioTest] = field(default_factory=dict)
    release: ReleaseRow | None = None

    def __post_init__(self) -> None:
        self.began = self.backend.now()
        self.record = StageRecorder(expected=self.options.stages, again=self.options.command(self.name))

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

    def _subject(self, image: Build) -> Subject:
        return Subject(
            project=self.project,
            name=self.name,
            image=image,
            run_id=self.run_id,
            folder=self.folder,
            selection=self.options.selection,
        )

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
            if self.options.publish:
                self.backend.require_registry(self.project)
            stage.note = f"{len(needs)} needs met"
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
        reuse = Reuse(self.backend, self._subject(image), cold=cold)
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

    def _test_boot_paths(self, image: Build) -> None:
        """Boot, and run the checks, on every boot path that has not passed yet; stops at the first that does not."""
        subject, disks = self._subject(image), None
        for boot_path in self.options.boot_paths:
            if boot_path in self.known:
                self._tell_reused(self.known[boot_path])
                continue
            disks = disks or self._disks(subject)
            self.at = boot_path
            found = self._test_boot_path(subject, disks, boot_path)
            if not self._require_passed(f"checks {boot_path}", found):
                return

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
                self.options.keep(machine)
        return found

    def _test_suites(self, image: Build) -> None:
        """The suites that want fixtures, each on a machine in their network; stops at the first that does not pass.

        They are run whenever they are asked for: what they found is about servers that are made anew each time.
        """
        for suite in self.options.suites:
            if self.record.failure is not None:
                return
            subject = with_suite(self._subject(image), suite)
            disks = self.backend.disks(subject, (suite.boot_path,))
            tested = self.backend.now()
            with ExitStack() as stack:
                with self.record.stage(f"boot {suite.name}", f"Boot, suite {suite.name}") as stage:
                    machine = stack.enter_context(
                        self.backend.boot(subject, disks, suite.boot_path, cold=self._why_cold())
                    )
                    stage.note = start_note(machine.boot)
                with self.record.stage(f"checks {suite.name}", f"Checks, suite {suite.name}") as stage:
                    found = machine.check()
                    stage.note, stage.failed = found.suites.said, not found.suites.passed
                self.suites.append(BootPathTest(found, tested, self.run_id))
                if self.options.keep and (suite is self.options.suites[-1] or not found.suites.passed):
                    self.options.keep(machine)
            self._require_passed(f"checks {suite.name}", found)

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
            started = self._run_scenarios(image, replace(asked, names=left)) if left else ""
            good = sum(test.result.passed for test in self.scenarios.values())
            before = f", {reused} of them passed before" if reused else ""
            stage.note = f"{good} of {len(asked.scenarios)} scenarios{started}{before}, seed {asked.seed}"
            stage.reused, stage.failed = not left, good < len(asked.scenarios)
        broken = [each for each in self._scenario_results() if not each.passed]
        if broken:
            hint = f"{broken[0].name}: {broken[0].detail}"
            said = f"{len(broken)} of {len(asked.scenarios)} scenarios did not keep their promise"
            self.record.fail("lifecycle", said, hint)

    def _run_scenarios(self, image: Build, left: ScenarioOptions) -> str:
        """Run these; returns from which image, in words."""
        subject = self._subject(image)
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

    def _scenario_results(self) -> tuple[ScenarioResult, ...]:
        """How each scenario ended, in their order; one that was asked for and not run is missing.

        Without being asked for they count when all are known: half a life proves nothing.
        """
        asked = self.options.lifecycle or ScenarioOptions()
        if self.options.lifecycle is None and len(self.scenarios) < len(asked.scenarios):
            return ()
        known = {name: test.result for name, test in self.scenarios.items()}
        return tuple(known.get(each.name) or missing(each, each.allowance(asked.cuts)) for each in asked.scenarios)

    def result(self) -> RunResult:
        """Everything that is known by now, with its verdict."""
        scenarios = self._scenario_results()
        times = [self.scenarios[each.name].tested for each in scenarios if each.name in self.scenarios]
        tested = Tested(
            asked=self.options.boot_paths,
            boot_paths=tuple(self.boot_paths),
            suites_asked=tuple(suite.name for suite in self.options.suites),
            suites_run=tuple(self.suites),
            scenarios=scenarios,
            times=tuple(times),
        )
        return run_result(
            self.record,
            tested,
            run_id=self.run_id,
            image=self.name,
            embedded=self.project.image(self.name).embedded,
            began=self.began,
            plan=self.plan,
            built=self.image,
            console=self._console(),
            release=self.release,
        )

    def _console(self) -> ConsoleExcerpt | None:
        """That of the boot path the run came to last, whether its machine came up or not."""
        last = self.boot_paths[-1].result if self.boot_paths else None
        if self.at is None or self.image is None or (last is not None and last.boot_path is self.at):
            return last.console if last else None
        return self.backend.console(self._subject(self.image), self.at)

    def changes(self) -> tuple[str, ...]:
        """What changed since the last good run, when there was one; no reason for a run to end otherwise."""
        if self.plan is None:
            return ()
        good = last_good(kept_runs(self.project.work), self.name)
        return since_good(self.backend, self.project, good, self.plan, self.image)

    def done_before(self, result: RunResult) -> RunResult | None:
        """The result of the run that had done all of this; None when this one did something, or that one is gone."""
        scenarios = [self.scenarios[each.name] for each in result.scenarios if each.name in self.scenarios]
        reused = all(test.reused for test in self.boot_paths) and all(test.reused for test in scenarios)
        published = self.release is None or self.release.already_there
        if result.verdict is not Verdict.PASSED or not published or not reused or self.options.suites:
            return None
        return kept_verdict(self.project.work, self._verdict_id(result))

    def keep_verdict(self, result: RunResult) -> None:
        """Remember a verdict about everything; one about a few scenarios alone is none."""
        if self.options.boot_paths and (self.options.lifecycle is None or self.options.lifecycle.whole):
            keep_verdict(self.project.work, self._verdict_id(result), self.run_id)

    def _verdict_id(self, result: RunResult) -> str:
        assert self.image is not None
        names = [each.name for each in result.scenarios]
        return verdict_id(self.project, self.name, self.image.digest, self.options.boot_paths, lifecycle=names)
