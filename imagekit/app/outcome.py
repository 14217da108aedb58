"""The result of a run out of what its stages brought, or out of what earlier ones did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from imagekit.app.interface import BootPathResult
from imagekit.app.record import StageRecorder, layer_rows
from imagekit.build.result import Build
from imagekit.checks.outcome import SuiteResult
from imagekit.checks.scenario import ScenarioResult
from imagekit.inventory.live import LiveInventory
from imagekit.machine.interface import BootPath, BootRecord, Start
from imagekit.plan.model import Plan
from imagekit.report.result import ConsoleExcerpt, ReleaseRow, RunResult, Verdict


@dataclass(frozen=True, slots=True)
class BootPathTest:
    """A boot path that was tested: the result, when its tests began (UTC), in which run."""

    result: BootPathResult
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
    """What is known of the tests of an image: of the boot paths `asked` for, and of scenarios in their order."""

    asked: tuple[BootPath, ...] = ()
    boot_paths: tuple[BootPathTest, ...] = ()
    suites_asked: tuple[str, ...] = ()
    suites_run: tuple[BootPathTest, ...] = ()  # of suites with fixtures, each on a machine of its own
    scenarios: tuple[ScenarioResult, ...] = ()
    times: tuple[datetime, ...] = ()  # when the tests behind `scenarios` began

    @property
    def suites(self) -> SuiteResult | None:
        """All checks of all boot paths and suites as one result; None when none was run."""
        return combined([test.result for test in self.machines]) if self.machines else None

    @property
    def machines(self) -> tuple[BootPathTest, ...]:
        """Every machine on which checks were run."""
        return (*self.boot_paths, *self.suites_run)

    @property
    def verdict(self) -> Verdict:
        """Passed only when all that was asked for was tested and passed; of some checks alone, partial."""
        if not self.asked and not self.suites_asked and not self.scenarios:
            return Verdict.BUILT
        if not self.passed:
            return Verdict.FAILED
        return Verdict.PARTIAL if self.suites is not None and self.suites.selection else Verdict.PASSED

    @property
    def passed(self) -> bool:
        """Something was tested, every boot path that was asked for among it, and all of it passed."""
        suites = self.suites
        there = [test.result.boot_path for test in self.boot_paths] == list(self.asked)
        checks = suites.passed if suites is not None else bool(self.scenarios)
        all_run = len(self.suites_run) == len(self.suites_asked)
        return there and all_run and checks and not any(scenario.blocks for scenario in self.scenarios)

    @property
    def since(self) -> datetime | None:
        """When the oldest of these tests began."""
        return min((*(test.tested for test in self.machines), *self.times), default=None)


def start_note(boot: BootRecord) -> str:
    """How a machine came up, for its stage: what it cost, and whether it was booted for this."""
    took = f"{boot.seconds_to_ssh:.1f} s to SSH under {boot.accelerator}"
    if boot.start is Start.FORK:
        return f"{took}, fork of a node {boot.reason}"
    return f"{took}, cold: {boot.reason}" if boot.reason else took


def combined(results: Sequence[BootPathResult]) -> SuiteResult:
    """All checks of all boot paths as one result; the boot path stands before a check's id."""
    checks = [
        replace(check, id=f"{result.boot_path}:{check.id}") for result in results for check in result.suites.checks
    ]
    return SuiteResult(
        suite_hash=results[0].suites.suite_hash,
        checks=tuple(checks),
        seconds=round(sum(result.suites.seconds for result in results), 3),
        selection=next((result.suites.selection for result in results if result.suites.selection), ""),
        scans=tuple(scan for result in results for scan in result.suites.scans),
    )


def run_result(
    record: StageRecorder,
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
    trial: str = "",
) -> RunResult:
    """Everything that a run found out; passed only when nothing failed and all that was asked for passed."""
    last = tested.machines[-1].result if tested.machines else None
    return RunResult(
        run_id=run_id,
        image=image,
        command=record.again,
        started=began.isoformat(timespec="seconds"),
        tested=tested.since.isoformat(timespec="seconds") if tested.since else "",
        seconds=record.seconds,
        verdict=tested.verdict if record.failure is None else Verdict.FAILED,
        plan_id=plan.id if plan else "",
        version=plan.version if plan else "",
        digest=str(built.digest) if built else "",
        embedded=embedded,
        layers=layer_rows(built),
        stages=record.stages(),
        boot=last.boot if last else None,
        boots=tuple(test.result.boot for test in tested.machines),
        chart=last.chart if last else None,
        console=console,
        suites=tested.suites,
        scenarios=tested.scenarios,
        journals=tuple(each for test in tested.machines for each in test.result.journals),
        notes=tuple(
            f"{test.result.boot_path} boot path: {note}" for test in tested.machines for note in test.result.notes
        ),
        release=release,
        failure=record.failure,
        trial=trial,
        live=tuple(live_of(test.result) for test in tested.boot_paths),
    )


def live_of(result: BootPathResult) -> LiveInventory:
    """What one boot path showed of what a node has only when it runs."""
    return LiveInventory(
        boot_path=result.boot_path.value,
        listening=result.listening,
        units={unit.name: round(unit.seconds, 2) for unit in result.chart.units},
        seconds=result.chart.finished,
    )
