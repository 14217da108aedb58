"""What the lifecycle ladder costs above its bare boots and image writes."""

from __future__ import annotations

from imagekit.app.ladder import climb
from imagekit.base.process import now
from imagekit.bench.model import Goal, Row
from imagekit.bench.subject import Subject
from imagekit.scenarios.options import ScenarioOptions
from imagekit.scenarios.runner import Told
from imagekit.scenarios.start import itself

_GOAL = Goal(limit=1.3)


def measure(bench: Subject) -> list[Row]:
    """Run every scenario; the reference is what its own boots and image writes took in the same run."""
    subject = bench.node()
    image, begun = subject.image, now()
    told = list(climb(subject, itself(image.layout, image.digest, image.version), ScenarioOptions().seeded()))
    return rows_of(told, now() - begun)


def rows_of(told: list[Told], seconds: float) -> list[Row]:
    """The whole against its parts, and what each scenario took."""
    boots, writes = sum(each.boot_seconds for each in told), sum(each.write_seconds for each in told)
    starts, broken = sum(each.result.boots for each in told), [each for each in told if not each.result.passed]
    whole = Row(
        name="lifecycle ladder",
        measured=seconds,
        unit="s",
        against="its boots and image writes",
        reference=boots + writes,
        goal=_GOAL,
        note=f"{len(told)} scenarios, {starts} starts {boots:.0f} s, {sum(each.writes for each in told)} whole writes "
        f"and broken ones {writes:.0f} s" + (f"; {len(broken)} did not pass" if broken else ""),
    )
    return [whole, *(_row(each) for each in told)]


def _row(told: Told) -> Row:
    return Row(
        name=f"scenario {told.result.name}",
        measured=told.result.seconds,
        unit="s",
        against="its boots and image writes",
        reference=told.boot_seconds + told.write_seconds,
        note=f"{told.result.outcome}, {told.result.boots} boots",
    )
