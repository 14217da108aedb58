"""The suites with servers beside the node, all in one command, against the longest of them alone."""

from __future__ import annotations

from imagekit.base.errors import ToolError
from imagekit.bench.clone import Ran, run_in
from imagekit.bench.fixtures import lacking
from imagekit.bench.model import Goal, Row
from imagekit.bench.subject import BenchSubject
from imagekit.checks.named import suites_for

_GOAL = Goal(limit=1.5)


def measure(bench: BenchSubject) -> list[Row]:
    """Wall seconds of the whole commands, one after another; as root. Raises `ToolError` for an image without any."""
    harness = bench.project.harness
    known = suites_for(harness, bench.project.image(bench.name).layers)
    suites = {name: suite for name, suite in known.items() if suite.fixtures}
    missing = {name: reason for name, suite in suites.items() if (reason := lacking(harness, suite.fixtures))}
    names = tuple(name for name in suites if name not in missing)
    if not names:
        raise ToolError(f"no suite with servers is for the layers of {bench.name}")
    test = ("test", bench.name, "--suite")
    alone = {name: run_in(bench.project.root, *test, name, ok=(0,)) for name in names}
    left = [Row(name=f"suite {name}", measured=None, unit="s", note=reason) for name, reason in missing.items()]
    return [*rows_of(alone, run_in(bench.project.root, *test, ",".join(names), ok=(0,))), *left]


def rows_of(alone: dict[str, Ran], together: Ran) -> list[Row]:
    """All in one command against the longest, then each."""
    longest = max(alone, key=lambda name: alone[name].seconds)
    whole = Row(
        name=f"{len(alone)} suites with servers",
        measured=together.seconds,
        unit="s",
        against=f"the longest, {longest}",
        reference=alone[longest].seconds,
        goal=_GOAL,
    )
    return [whole, *(Row(name=f"suite {name}", measured=ran.seconds, unit="s") for name, ran in alone.items())]
