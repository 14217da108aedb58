"""What a run knows while it goes on: what it was asked for, what passed before, and the result of all that so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from imagekit.app.changes import last_good, since_good
from imagekit.app.interface import Backend, Subject
from imagekit.app.options import Options
from imagekit.app.outcome import BootPathTest, ScenarioTest, Tested, run_result
from imagekit.app.record import StageRecorder
from imagekit.app.runs import kept_runs
from imagekit.app.verdict import keep_verdict, kept_verdict, verdict_id
from imagekit.build.result import Build
from imagekit.checks.scenario import ScenarioResult
from imagekit.config.load import Project
from imagekit.machine.interface import BootPath
from imagekit.plan.model import Plan
from imagekit.report.result import ConsoleExcerpt, ReleaseRow, RunResult, Verdict
from imagekit.scenarios.options import ScenarioOptions
from imagekit.scenarios.runner import missing


@dataclass(slots=True)
class RunState:
    """What a run was asked for, and what is known so far."""

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
    suites: dict[str, BootPathTest] = field(default_factory=dict)  # by name, as they ended
    scenarios: dict[str, ScenarioTest] = field(default_factory=dict)
    release: ReleaseRow | None = None

    def __post_init__(self) -> None:
        self.began = self.backend.now()
        self.record = StageRecorder(expected=self.options.stages, again=self.options.command(self.name))

    def subject(self, image: Build) -> Subject:
        """The image as its machines are tested: by this run, in its folder."""
        return Subject(
            project=self.project,
            name=self.name,
            image=image,
            run_id=self.run_id,
            folder=self.folder,
            selection=self.options.selection,
        )

    def scenario_results(self) -> tuple[ScenarioResult, ...]:
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
        scenarios = self.scenario_results()
        times = [self.scenarios[each.name].tested for each in scenarios if each.name in self.scenarios]
        tested = Tested(
            asked=self.options.boot_paths,
            boot_paths=tuple(self.boot_paths),
            suites_asked=tuple(suite.name for suite in self.options.suites),
            suites_run=tuple(self.suites[each.name] for each in self.options.suites if each.name in self.suites),
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
            trial=self.options.trial,
        )

    def _console(self) -> ConsoleExcerpt | None:
        """That of the boot path the run came to last, whether its machine came up or not."""
        last = self.boot_paths[-1].result if self.boot_paths else None
        if self.at is None or self.image is None or (last is not None and last.boot_path is self.at):
            return last.console if last else None
        return self.backend.console(self.subject(self.image), self.at)

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
