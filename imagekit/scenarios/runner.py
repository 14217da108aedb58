"""Run scenarios, alone or side by side, and say how each ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from imagekit.base.errors import ImagekitError, RefusedError
from imagekit.base.log import step
from imagekit.base.process import now
from imagekit.checks.outcome import Outcome
from imagekit.checks.scenario import ScenarioResult
from imagekit.machine.interface import Start
from imagekit.scenarios.model import Scenario, Tally, World

_MEMORY_SPARE_MIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioRun:
    """A result, and what its machines cost: seconds to logins, seconds of image writes, and how many of these."""

    result: ScenarioResult
    boot_seconds: float
    write_seconds: float
    writes: int


def lanes(*, cores: int, free_mib: int, memory_mib: int, cores_each: int = 2) -> int:
    """How many scenarios to run side by side: as many as cores and memory carry, at least one."""
    return max(1, min(cores // cores_each, (free_mib - _MEMORY_SPARE_MIB) // memory_mib))


def run_scenarios(
    scenarios: Sequence[Scenario], world: World, *, scaled: Callable[[float], float], side_by_side: int = 1
) -> Iterator[ScenarioRun]:
    """Run scenarios and yield each result as it comes; `scaled` makes this machine's seconds of reference ones.

    A promise that is not kept, and one kept too late, is a failed scenario; anything else that goes wrong an errored
    one. Side by side the longest begin first, so that no lane waits for another at the end. An interruption aborts the
    running scenarios, which put their machines away.
    """
    if side_by_side == 1:
        yield from (_tell(scenario, world, scaled(scenario.allowance(world.cuts))) for scenario in scenarios)
        return
    with ThreadPoolExecutor(max_workers=side_by_side) as pool:
        longest_first = sorted(scenarios, key=lambda each: each.allowance(world.cuts), reverse=True)
        running: list[Future[ScenarioRun]] = [
            pool.submit(_tell, scenario, world, scaled(scenario.allowance(world.cuts)) * side_by_side)
            for scenario in longest_first
        ]
        try:
            yield from (future.result() for future in as_completed(running))
        except BaseException:
            for future in running:
                future.cancel()
            world.machines.abort()
            raise


def missing(scenario: Scenario, budget: float) -> ScenarioResult:
    """The result of a scenario that was asked for and not run."""
    return ScenarioResult(
        name=scenario.name, promise=scenario.promise, outcome=Outcome.MISSING, seconds=0.0, budget=budget
    )


def _tell(scenario: Scenario, world: World, budget: float) -> ScenarioRun:
    tally, begun = Tally(), now()
    outcome, detail = Outcome.PASSED, ""
    with step(f"Scenario {scenario.name}") as reported:
        try:
            scenario.script(world, tally)
        except RefusedError as error:
            outcome, detail = Outcome.FAILED, _words(error)
        except ImagekitError as error:
            outcome, detail = Outcome.ERRORED, _words(error)
        seconds = now() - begun
        budget = max(budget, scenario.allowance(world.cuts) * _pace(tally))
        if outcome is Outcome.PASSED and seconds > budget:
            outcome, detail = (
                Outcome.FAILED,
                f"its promise was kept after {seconds:.0f} s; its budget is {budget:.0f} s",
            )
        boots = sum(node.boots for node in tally.nodes)
        start = _start(tally)
        reported.note = f"{outcome}, {start}, {boots} boots" + (f": {detail.splitlines()[0]}" if detail else "")
    result = ScenarioResult(
        name=scenario.name,
        promise=scenario.promise,
        outcome=outcome,
        seconds=round(seconds, 3),
        budget=round(budget, 3),
        boots=boots,
        start=start,
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
