"""The whole way of one image, recorded stage by stage; one result file at the end, whatever the end is."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from imagekit.app import node
from imagekit.app.image import built, proven
from imagekit.app.ladder import Wish, climb, start_of, with_seed
from imagekit.app.needs import host_of, machine_needs
from imagekit.app.node import RoadResult, Subject
from imagekit.app.record import Record, layer_rows
from imagekit.app.release import publish
from imagekit.app.runs import new_run, write_views
from imagekit.app.verdict import fullest_verdict, keep_verdict, verdict_id
from imagekit.artifact.packagelist import Package
from imagekit.base.errors import ImagekitError
from imagekit.build.builder import Build, earlier_build
from imagekit.checks.outcome import SuiteResult
from imagekit.checks.scenario import ScenarioResult
from imagekit.config.load import Project
from imagekit.doctor.check import BUILD, PUBLISH, VERIFY, require
from imagekit.doctor.model import Need
from imagekit.machine.interface import DISKLESS, Road
from imagekit.machine.profile import parse_profile
from imagekit.machine.ssh import shell_argv
from imagekit.plan.lock import require_buildable
from imagekit.plan.model import Plan
from imagekit.plan.resolve import make_plan
from imagekit.report.result import ConsoleExcerpt, ReleaseRow, RunResult, Verdict, write_result
from imagekit.scenarios.runner import Told, missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to do: the roads to test on, whether to publish, whether to test again what passed before.

    `firmware` names the profile of the machine, such as ``uefi+tpm``; without it the image's own declaration holds.
    With `lifecycle` its scenarios follow the checks; with no roads they are all that is done. `keep` is called with a
    login command while the last machine, good or bad, still runs.
    """

    roads: tuple[Road, ...] = DISKLESS
    publish: bool = True
    again: bool = False
    lifecycle: Wish | None = None
    firmware: str = ""
    keep: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end of a run: its result, the page, and the error that ended it; `unchanged` when all was done before."""

    result: RunResult
    page: Path
    error: BaseException | None = None
    unchanged: bool = False


@dataclass(slots=True)
class _Run:
    """A run while it goes on; what is known so far."""

    project: Project
    name: str
    options: Options
    run_id: str
    folder: Path
    record: Record
    began: datetime
    plan: Plan | None = None
    image: Build | None = None
    packages: tuple[Package, ...] = ()
    roads: list[RoadResult] = field(default_factory=list)
    at: Road | None = None
    told: list[Told] = field(default_factory=list)
    release: ReleaseRow | None = None
    earlier: RunResult | None = None


def run_image(project: Project, name: str, options: Options) -> Finished:
    """Build, test and publish an image; errors end up in the result and in `Finished.error`, never half-told."""
    if options.firmware:
        firmware, tpm = parse_profile(options.firmware)
        project = project.with_machine(name, firmware, tpm=tpm)
    run_id, folder = new_run(project.work)
    if options.lifecycle is not None:
        options = replace(options, lifecycle=with_seed(options.lifecycle))
    record = Record(expected=_stage_names(options), again=_again(options, name))
    run = _Run(project, name, options, run_id, folder, record, began=datetime.now(UTC))
    error: BaseException | None = None
    try:
        _go(run)
    except (ImagekitError, KeyboardInterrupt) as caught:
        error = caught
    if run.earlier is not None and error is None and not run.told and _nothing_new(run):
        shutil.rmtree(folder)
        earlier = project.work / "runs" / run.earlier.run_id
        return Finished(result=run.earlier, page=earlier / "report.html", unchanged=True)
    result = _result(run)
    write_result(result, folder)
    if result.verdict is Verdict.PASSED and (run.earlier is None or run.told):
        _keep(run)
    return Finished(result=result, page=write_views(result, folder), error=error)


def _again(options: Options, name: str) -> str:
    wish = options.lifecycle.again if options.lifecycle else ""
    road = f" --road {options.roads[0]}" if len(options.roads) == 1 else ""
    firmware = f" --firmware {options.firmware}" if options.firmware else ""
    return f"imagekit {'run' if options.publish else 'test'} {name}{road}{firmware}{wish}"


def _keep(run: _Run) -> None:
    """Remember a verdict about everything; one about a few scenarios alone is none."""
    if run.image is None or not run.options.roads or (run.told and not (_wish(run).whole)):
        return
    names = [scenario.name for scenario in _scenarios(run)] if run.told else []
    name = verdict_id(run.project, run.name, run.image.digest, run.options.roads, lifecycle=names)
    keep_verdict(run.project.work, name, run.run_id)


def _stage_names(options: Options) -> tuple[str, ...]:
    tests = tuple(f"{part} {road}" for road in options.roads for part in ("boot", "checks"))
    disks = ("disks",) if options.roads else ()
    ladder = ("lifecycle",) if options.lifecycle else ()
    return ("plan", "needs", "build", "proof", *disks, *tests, *ladder, *(("publish",) if options.publish else ()))


def _go(run: _Run) -> None:
    record, project = run.record, run.project
    with record.stage("plan", f"Plan of {run.name}") as stage:
        run.plan = plan = make_plan(project, run.name)
        stage.note = f"{plan.version}, plan {plan.short}"
        image = earlier_build(project.work, plan)
        if image is None:
            require_buildable(plan)
    run.earlier = _earlier_verdict(run, image)
    with record.stage("needs", "What this machine must have") as stage:
        needs = _needs(run, image)
        require(needs, host_of(project))
        stage.note = f"{len(needs)} needs met"
    with record.stage("build", f"Build of {run.name}") as stage:
        run.image = image = image or built(project, plan)
        stage.reused, stage.note = image.reused, f"sha256:{image.digest.short}"
    with record.stage("proof", "Proof that all that was declared is in the artifact") as stage:
        run.packages = proven(project, plan, image)
        stage.note = f"{len(run.packages)} packages"
    subject = Subject(project=project, name=run.name, image=image, run_id=run.run_id, folder=run.folder)
    if run.earlier is None and run.options.roads:
        _test(run, subject)
    if run.options.lifecycle is not None and record.failure is None and not _climbed(run):
        _climb(run, subject)
    if run.options.publish and record.failure is None:
        with record.stage("publish", "Publishing") as stage:
            found = run.earlier if run.earlier is not None and not run.told else _result(run)
            run.release = publish(project, plan, image, found, run.packages)
            stage.reused = run.release.already_there
            stage.note = run.release.reference


def _earlier_verdict(run: _Run, image: Build | None) -> RunResult | None:
    if image is None or run.options.again or not run.options.roads:
        return None
    return fullest_verdict(run.project, run.name, image.digest, run.options.roads)


def _wish(run: _Run) -> Wish:
    assert run.options.lifecycle is not None
    return run.options.lifecycle


def _climbed(run: _Run) -> bool:
    """Whether the whole ladder passed before, from the same start as is asked for now."""
    wish = _wish(run)
    return run.earlier is not None and bool(run.earlier.scenarios) and wish.whole and not wish.upgrade_from


def _climb(run: _Run, subject: Subject) -> None:
    """Run the scenarios; every one of them, so that one broken promise hides no other."""
    wish = _wish(run)
    with run.record.stage("lifecycle", "Lifecycle") as stage:
        start = start_of(subject, wish)
        for told in climb(subject, start, wish):
            run.told.append(told)
        good = sum(told.result.passed for told in run.told)
        stage.note = f"{good} of {len(run.told)} scenarios from {start.version} ({start.said}), seed {wish.seed}"
    broken = [told.result for told in run.told if not told.result.passed]
    if broken:
        hint = f"{broken[0].name}: {broken[0].detail}"
        run.record.fail("lifecycle", f"{len(broken)} of {len(run.told)} scenarios did not keep their promise", hint)


def _needs(run: _Run, image: Build | None) -> list[Need]:
    build = [need for need in BUILD if need is not Need.MMDEBSTRAP or run.project.image(run.name).embedded]
    return [
        *(build if image is None else ()),
        *(VERIFY if run.earlier is None or run.options.lifecycle else ()),
        *machine_needs(run.project.image(run.name).vm, run.options.roads),
        *(PUBLISH if run.options.publish else ()),
    ]


def _test(run: _Run, subject: Subject) -> None:
    """Boot every road and run the checks there; stops at the first road that does not pass."""
    with run.record.stage("disks", "Disks") as stage:
        artifacts = node.make_disks(subject)
        if Road.INSTALLED in run.options.roads:
            node.make_installed_disk(subject)
        stage.reused, stage.note = artifacts.reused, f"kernel {artifacts.kernel_release}"
    for road in run.options.roads:
        run.at = road
        with ExitStack() as stack:
            peers = stack.enter_context(node.test_peers(subject))
            with run.record.stage(f"boot {road}", f"Boot, {road} road") as stage:
                node.refuse_contradictory_suites(subject, road)
                machine = stack.enter_context(node.machine_of(subject, artifacts, road, peers))
                stage.note = f"{machine.boot.seconds_to_ssh:.1f} s to SSH under {machine.boot.accelerator}"
            with run.record.stage(f"checks {road}", f"Checks, {road} road") as stage:
                found = node.check_machine(subject, machine, peers)
                run.roads.append(found)
                stage.note = _counted(found)
            if run.options.keep and (road is run.options.roads[-1] or not found.suites.passed):
                run.options.keep(shlex.join(shell_argv(machine.ssh)))
        if not found.suites.passed:
            blocking = found.suites.blocking
            first = f"{blocking[0].layer}: {blocking[0].title}" if blocking else "no check was run"
            run.record.fail(
                f"checks {road}", f"{len(blocking)} of {len(found.suites.checks)} checks did not pass", first
            )
            return


def _counted(found: RoadResult) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in found.suites.counts.items() if count)


def _nothing_new(run: _Run) -> bool:
    """Whether everything that was asked for had been done before."""
    return run.release is None or run.release.already_there


def _result(run: _Run) -> RunResult:
    plan, image, earlier, failure = run.plan, run.image, run.earlier, run.record.failure
    last = run.roads[-1] if run.roads else None
    suites = node.combined(run.roads) if run.roads else (earlier.suites if earlier else None)
    return RunResult(
        run_id=run.run_id,
        image=run.name,
        command=run.record.again,
        started=run.began.isoformat(timespec="seconds"),
        seconds=run.record.seconds,
        verdict=Verdict.PASSED if failure is None and _all_passed(run, suites) else Verdict.FAILED,
        plan_id=plan.id if plan else "",
        version=plan.version if plan else "",
        digest=str(image.digest) if image else "",
        embedded=run.project.image(run.name).embedded,
        layers=layer_rows(image),
        stages=run.record.stages(),
        boot=last.boot if last else (earlier.boot if earlier else None),
        boots=tuple(road.boot for road in run.roads) or (earlier.boots if earlier else ()),
        chart=last.chart if last else (earlier.chart if earlier else None),
        console=_console(run),
        suites=suites,
        scenarios=_scenarios(run),
        release=run.release,
        failure=failure,
    )


def _all_passed(run: _Run, suites: SuiteResult | None) -> bool:
    """Something was tested, and all of it passed."""
    checks = suites.passed if suites is not None else bool(run.told) and not run.options.roads
    return checks and all(scenario.passed for scenario in _scenarios(run))


def _scenarios(run: _Run) -> tuple[ScenarioResult, ...]:
    """How each scenario ended, in the order of the ladder; one that was asked for and not run is missing."""
    if run.options.lifecycle is None or _climbed(run):
        return run.earlier.scenarios if run.earlier else ()
    ended = {told.result.name: told.result for told in run.told}
    wish = _wish(run)
    return tuple(ended.get(each.name) or missing(each, each.allowance(wish.cuts)) for each in wish.scenarios)


def _console(run: _Run) -> ConsoleExcerpt | None:
    """That of the road the run came to last, whether its machine came up or not."""
    if run.at is None or run.image is None:
        return run.earlier.console if run.earlier else None
    if run.roads and run.roads[-1].road is run.at:
        return run.roads[-1].console
    subject = Subject(project=run.project, name=run.name, image=run.image, run_id=run.run_id, folder=run.folder)
    return node.console_excerpt(subject, run.at) if (run.folder / run.at / "console.log").exists() else None
