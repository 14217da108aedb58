"""The result of a run out of what its stages brought, or out of what earlier ones did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from imagekit.app.interface import RoadResult
from imagekit.app.record import Record, layer_rows
from imagekit.build.builder import Build
from imagekit.checks.outcome import SuiteResult
from imagekit.checks.scenario import ScenarioResult
from imagekit.machine.interface import Road
from imagekit.plan.model import Plan
from imagekit.report.result import ConsoleExcerpt, ReleaseRow, RunResult, Verdict


@dataclass(frozen=True, slots=True)
class RoadTest:
    """A road that was tested: the result, when its tests began (UTC), in which run."""

    result: RoadResult
    tested: datetime
    run_id: str
    reused: bool = False


@dataclass(frozen=True, slots=True)
class ScenarioTest:
    """A scenario that was run: the result, when that began (UTC), in which run."""

    result: ScenarioResult
    tested: datetime
    run_id: str
    reused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What is known of the tests of an image: of the roads that were `asked` for, and of scenarios in their order."""

    asked: tuple[Road, ...] = ()
    roads: tuple[RoadTest, ...] = ()
    scenarios: tuple[ScenarioResult, ...] = ()
    times: tuple[datetime, ...] = ()  # when the tests behind `scenarios` began

    @property
    def suites(self) -> SuiteResult | None:
        """All checks of all roads as one result; None when no road was tested."""
        return combined([test.result for test in self.roads]) if self.roads else None

    @property
    def passed(self) -> bool:
        """Something was tested, every road that was asked for among it, and all of it passed."""
        suites = self.suites
        there = [test.result.road for test in self.roads] == list(self.asked)
        checks = suites.passed if suites is not None else bool(self.scenarios)
        return there and checks and all(scenario.passed for scenario in self.scenarios)

    @property
    def since(self) -> datetime | None:
        """When the oldest of these tests began."""
        return min((*(test.tested for test in self.roads), *self.times), default=None)


def combined(results: Sequence[RoadResult]) -> SuiteResult:
    """All checks of all roads as one result; the road stands before a check's id."""
    checks = [replace(check, id=f"{result.road}:{check.id}") for result in results for check in result.suites.checks]
    return SuiteResult(
        suite_hash=results[0].suites.suite_hash,
        checks=tuple(checks),
        seconds=round(sum(result.suites.seconds for result in results), 3),
    )


def run_result(
    record: Record,
    tested: Tested,
    *,
    run_id: str,
    image: str,
    embedded: bool,
    began: datetime,
    plan: Plan | None = None,
    built: Build | None = None,
    console: ConsoleExcerpt | None = None,
    release: ReleaseRow | None = None,
) -> RunResult:
    """Everything that a run found out; passed only when nothing failed and all that was asked for passed."""
    last = tested.roads[-1].result if tested.roads else None
    return RunResult(
        run_id=run_id,
        image=image,
        command=record.again,
        started=began.isoformat(timespec="seconds"),
        tested=tested.since.isoformat(timespec="seconds") if tested.since else "",
        seconds=record.seconds,
        verdict=Verdict.PASSED if record.failure is None and tested.passed else Verdict.FAILED,
        plan_id=plan.id if plan else "",
        version=plan.version if plan else "",
        digest=str(built.digest) if built else "",
        embedded=embedded,
        layers=layer_rows(built),
        stages=record.stages(),
        boot=last.boot if last else None,
        boots=tuple(test.result.boot for test in tested.roads),
        chart=last.chart if last else None,
        console=console,
        suites=tested.suites,
        scenarios=tested.scenarios,
        journals=tuple(each for test in tested.roads for each in test.result.journals),
        notes=tuple(f"{test.result.road} road: {note}" for test in tested.roads for note in test.result.notes),
        release=release,
        failure=record.failure,
    )
