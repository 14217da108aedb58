"""What the lifecycle scenarios cost above its bare boots and image writes."""

from __future__ import annotations

from imagekit.app.lifecycle import run_lifecycle
from imagekit.base.process import now
from imagekit.bench.model import Goal, Row
from imagekit.bench.subject import BenchSubject
from imagekit.scenarios.options import ScenarioOptions
from imagekit.scenarios.runner import ScenarioRun
from imagekit.scenarios.start import itself

_GOAL = Goal(limit=1.3)


def measure(bench: BenchSubject) -> list[Row]:
    """Run every scenario; the reference is what its own boots and image writes took in the same run."""
    subject = bench.node()
    image, begun = subject.image, now()
    reported = list(
        run_lifecycle(subject, itself(image.layout, image.digest, image.version), ScenarioOptions().seeded())
    )
    return rows_of(reported, now() - begun)


def rows_of(reported: list[ScenarioRun], seconds: float) -> list[Row]:
    """The whole against its parts, and what each scenario took."""
    boots, writes = sum(each.boot_seconds for each in reported), sum(each.write_seconds for each in reported)
    starts, broken = sum(each.result.boots for each in reported), [each for each in reported if each.result.blocks]
    whole = Row(
        name="lifecycle scenarios",
        measured=seconds,
        unit="s",
        against="its boots and image writes",
        reference=boots + writes,
        goal=_GOAL,
        note=f"{len(reported)} scenarios, {starts} starts {boots:.0f} s, "
        f"{sum(each.writes for each in reported)} whole writes and broken ones {writes:.0f} s"
        + (f"; {len(broken)} did not pass" if broken else ""),
    )
    return [whole, *(_row(each) for each in reported)]


def _row(reported: ScenarioRun) -> Row:
    return Row(
        name=f"scenario {reported.result.name}",
        measured=reported.result.seconds,
        unit="s",
        against="its boots and image writes",
        reference=reported.boot_seconds + reported.write_seconds,
        note=f"{reported.result.outcome}, {reported.result.boots} boots",
    )
