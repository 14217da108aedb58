"""All suites of an image's layers on one fork of its saved node, against each of them on a node booted for it."""

from __future__ import annotations

from imagekit.base.errors import ToolError
from imagekit.bench.clone import Ran, run_in
from imagekit.bench.model import Goal, Row
from imagekit.bench.subject import BenchSubject
from imagekit.machine.interface import Start

_GOAL = Goal(limit=0.35)


def measure(bench: BenchSubject) -> list[Row]:
    """Wall seconds of the whole commands, one after another, on the direct boot path."""
    layers = bench.project.image(bench.name).layers
    test = ("test", bench.name, "--boot", "direct")
    run_in(bench.project.root, *test, ok=(0,))  # saves the node, and has what is judged on cold boots alone
    cold = {layer: run_in(bench.project.root, *test, "--suite", layer, "--cold", ok=(0,)) for layer in layers}
    return rows_of(cold, run_in(bench.project.root, *test, "--suite", ",".join(layers), ok=(0,)))


def rows_of(cold: dict[str, Ran], together: Ran) -> list[Row]:
    """All against the sum, then each; raises `ToolError` when what was to be a fork, or a cold boot, was none."""
    wanted = [*((ran, Start.COLD) for ran in cold.values()), (together, Start.FORK)]
    for ran, start in wanted:
        others = [boot for boot in ran.result.boots if boot.start is not start]
        if others or not ran.result.boots:
            why = others[0].reason if others else "no machine was started"
            raise ToolError(f"run {ran.result.run_id} was to be of the kind {start}: {why}")
    whole = Row(
        name="all suites on a fork",
        measured=together.seconds,
        unit="s",
        against="each suite on a node booted for it",
        reference=sum(ran.seconds for ran in cold.values()),
        goal=_GOAL,
        note=_checks(together),
    )
    return [
        whole,
        *(Row(name=f"suite {n}, cold", measured=r.seconds, unit="s", note=_checks(r)) for n, r in cold.items()),
    ]


def _checks(ran: Ran) -> str:
    assert ran.result.suites is not None
    return ran.result.suites.said
