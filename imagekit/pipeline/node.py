"""One road: disks, boot, checks, and what the node says of its own boot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imagekit.report.result import BootChart, ConsoleExcerpt
from imagekit.verify.outcome import SuiteResult
from imagekit.vm.interface import BootRecord, Road


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadResult:
    """What one road brought."""

    road: Road
    boot: BootRecord
    chart: BootChart
    console: ConsoleExcerpt
    suites: SuiteResult


def combined(results: Sequence[RoadResult]) -> SuiteResult:
    """All checks of all roads as one result; the road stands before a check's id."""
    checks = [replace(check, id=f"{result.road}:{check.id}") for result in results for check in result.suites.checks]
    return SuiteResult(
        suite_hash=results[0].suites.suite_hash,
        checks=tuple(checks),
        seconds=round(sum(result.suites.seconds for result in results), 3),
    )


def console_path(folder: Path, road: Road) -> Path:
    """Where the console of one road is kept."""
    return folder / f"console-{road}.log"
