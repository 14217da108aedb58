"""What a boot cost, beside what the image allows and what the last good run needed."""

from __future__ import annotations

from imagekit.app.changes import last_good
from imagekit.app.interface import Subject
from imagekit.app.runs import kept_runs
from imagekit.checks.bootcost import BootCost
from imagekit.machine.interface import Accelerator, BootPath, BootRecord
from imagekit.report.result import BootChart, RunResult


def boot_cost(subject: Subject, boot: BootRecord, chart: BootChart) -> BootCost:
    """The cost of a boot, for the check that judges it; units by the node's own account."""
    allowed = subject.spec.vm.boot_budget
    good = last_good(kept_runs(subject.project.work), subject.name)
    before = units_of(good, boot.boot_path) if good is not None else {}
    return BootCost(
        cpu_seconds=round(boot.cpu_seconds, 2),
        budget=allowed.kvm if boot.accelerator is Accelerator.KVM else allowed.tcg,
        units=_units(chart),
        before=before,
        since=good.run_id if good is not None and before else "",
    )


def units_of(result: RunResult, boot_path: BootPath) -> dict[str, float]:
    """CPU seconds by unit in a result, which keeps the chart of one boot path; empty for another one."""
    same = result.chart is not None and result.boot is not None and result.boot.boot_path is boot_path
    return _units(result.chart) if same and result.chart is not None else {}


def _units(chart: BootChart) -> dict[str, float]:
    return {unit.name: unit.cpu for unit in chart.units if unit.cpu > 0}
