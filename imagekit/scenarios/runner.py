"""Run scenarios, alone or side by side, and say how each ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from imagekit.base.errors import ImagekitError, RefusedError
from imagekit.base.lanes import as_they_end
from imagekit.base.log import step
from imagekit.base.process import now
from imagekit.checks.outcome import Outcome
from imagekit.checks.scenario import ScenarioResult
from imagekit.machine.interface import Start
from imagekit.scenarios.model import Scenario, Tally, World


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioRun:
    """A result, and what its machines cost: seconds to logins, seconds of image writes, and how many of these."""

    result: ScenarioResult
    boot_seconds: float
    write_seconds: float
    writes: int


def run_scenarios(
    scenarios: Sequence[Scenario], worlds: Sequence[World], *, scaled: Callable[[float], float]
) -> Iterator[ScenarioRun]:
    """Run scenarios and yield each result as it comes; `scaled` makes this machine's seconds of reference ones.

    As many go on side by side as there are `worlds`; the same one may be there several times, one of another host
    beside it. Each scenario takes the world that is free next.

    A promise that is not kept, and one kept too late, is a failed scenario; anything else that goes wrong an errored
    one. Side by side the longest begin first, so that no lane waits for another at the end. An interruption aborts the
    running scenarios, which put their machines away.
    """
    cuts, number = worlds[0].cuts, len(worlds)
    if number == 1:
        yield from (_tell(scenario, worlds[0], scaled(scenario.allowance(cuts))) for scenario in scenarios)
        return

    def tell(scenario: Scenario, world: World) -> ScenarioRun:
        return _tell(scenario, world, scaled(scenario.allowance(cuts)) * number)

    def abort() -> None:
        for world in worlds:
            world.machines.abort()

    longest_first = sorted(scenarios, key=lambda each: each.allowance(cuts), reverse=True)
    with closing(as_they_end(tell, longest_first, worlds, interrupt=abort)) as ending:
        for _, found in ending:
            if isinstance(found, Exception):
                raise found
            yield found


def missing(scenario: Scenario, budget: float) -> ScenarioResult:
    """The result of a scenario that was asked for and not run."""
    return ScenarioResult(
        name=scenario.name, promise=scenario.promise, outcome=Outcome.MISSING, seconds=0.0, budget=budget
    )


def _tell(scenario: Scenario, world: World, budget: float) -> ScenarioRun:
    tally, begun = Tally(), now()
    outcome, detail, limit = Outcome.PASSED, "", ""
    with step(f"Scenario {scenario.name}") as reported:
        try:
            scenario.script(world, tally)
            if tally.limit:
                outcome, detail, limit = Outcome.FAILED, tally.limit, tally.limit
        except RefusedError as error:
            outcome, detail = Outcome.FAILED, _words(error)
        except ImagekitError as error:
            outcome, detail = Outcome.ERRORED, _words(error)
        seconds = now() - begun
        budget = max(budget, scenario.allowance(world.cuts) * _pace(tally))
        if (limit or outcome is Outcome.PASSED) and seconds > budget:
            late = f"its promise was kept after {seconds:.0f} s; its budget is {budget:.0f} s"
            outcome, detail, limit = Outcome.FAILED, f"{late}\n{limit}".strip(), ""
        boots = sum(node.boots for node in tally.nodes)
        start = _start(tally)
        where = f", at {world.host}" if world.host else ""
        reported.note = f"{outcome}, {start}, {boots} boots{where}" + (f": {detail.splitlines()[0]}" if detail else "")
    result = ScenarioResult(
        name=scenario.name,
        promise=scenario.promise,
        outcome=outcome,
        seconds=round(seconds, 3),
        budget=round(budget, 3),
        boots=boots,
        start=start,
        limit=limit,
        detail="\n".join([*tally.said, detail]) if detail else "; ".join(tally.said),
    )
    spent = sum(node.boot_seconds for node in tally.nodes)
    return ScenarioRun(result=result, boot_seconds=spent, write_seconds=tally.write_seconds, writes=tally.writes)


def _pace(tally: Tally) -> float:
    """By what the scenario's own nodes took for their first boot, before anything was done to them."""
    return max((node.pace for node in tally.nodes), default=0.0)


def _start(tally: Tally) -> Start:
    """Cold, when every one of its nodes was."""
    return Start.FORK if any(node.began is Start.FORK for node in tally.nodes) else Start.COLD


def _words(error: ImagekitError) -> str:
    return f"{error}\n{error.hint}".strip()
