"""How a script's end becomes a result."""

from __future__ import annotations

import threading

import pytest

from imagekit.base.errors import ImagekitError, ToolError
from imagekit.checks.outcome import Outcome
from imagekit.machine.errors import BootFailedError
from imagekit.scenarios.errors import PromiseBrokenError
from imagekit.scenarios.model import Scenario, Script, Tally, World
from imagekit.scenarios.runner import lanes, missing, run_scenarios
from tests.support.simnode import SimMachines, sim_world


def scenario(script: Script, name: str = "one", budget: float = 60.0) -> Scenario:
    return Scenario(name=name, promise=f"{name} is kept.", budget=budget, script=script)


def fine(world: World, tally: Tally) -> None:
    tally.say("seed 7")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (PromiseBrokenError("it is gone", hint="look"), Outcome.FAILED),
        (BootFailedError("no login", hint="the console"), Outcome.FAILED),
        (ToolError("no disk", hint="free some"), Outcome.ERRORED),
    ],
)
def test_how_errors_count(error: ImagekitError, outcome: Outcome) -> None:
    def broken(world: World, tally: Tally) -> None:
        tally.say("seed 7")
        raise error

    [reported] = run_scenarios([scenario(broken)], sim_world(), scaled=float)
    assert reported.result.outcome is outcome
    assert reported.result.detail == f"seed 7\n{error}\n{error.hint}"


def test_a_promise_kept_too_late_is_broken() -> None:
    [reported] = run_scenarios([scenario(fine)], sim_world(), scaled=lambda seconds: 0.0)
    assert reported.result.outcome is Outcome.FAILED
    assert "its budget is 0 s" in reported.result.detail


def test_a_budget_follows_what_the_nodes_themselves_took() -> None:
    """K15: a real node boots in 157 s where the budgets were made with one that takes 30 s."""

    def with_node(world: World, tally: Tally) -> None:
        with world.machines.installed("one") as node:
            node.pace = 5.2  # type: ignore[misc]  # a simulated node's own
            tally.nodes.append(node)

    [reported] = run_scenarios([scenario(with_node, budget=100.0)], sim_world(), scaled=lambda seconds: 0.0)
    assert reported.result.outcome is Outcome.PASSED
    assert reported.result.budget == pytest.approx(520.0)


def test_one_broken_promise_hides_no_other() -> None:
    def broken(world: World, tally: Tally) -> None:
        raise PromiseBrokenError("no")

    found = list(run_scenarios([scenario(broken), scenario(fine, "two")], sim_world(), scaled=float))
    assert [reported.result.outcome for reported in found] == [Outcome.FAILED, Outcome.PASSED]


def test_side_by_side_they_run_at_the_same_time() -> None:
    together = threading.Barrier(2, timeout=10)

    def meets(world: World, tally: Tally) -> None:
        together.wait()

    both = [scenario(meets, "a"), scenario(meets, "b")]
    found = list(run_scenarios(both, sim_world(), scaled=float, side_by_side=2))
    assert {reported.result.name for reported in found if reported.result.passed} == {"a", "b"}
    assert {reported.result.budget for reported in found} == {120.0}


def test_side_by_side_the_longest_begin_first() -> None:
    begun: list[str] = []
    both_lanes = threading.Barrier(2, timeout=10)

    def long(world: World, tally: Tally) -> None:
        begun.append("long")
        both_lanes.wait()

    def short(world: World, tally: Tally) -> None:
        begun.append("short")

    each = [scenario(short, "a", 10.0), scenario(long, "b", 90.0), scenario(long, "c", 50.0)]
    assert len(list(run_scenarios(each, sim_world(), scaled=float, side_by_side=2))) == 3
    assert begun == ["long", "long", "short"]


def test_an_interruption_aborts_the_others() -> None:
    def interrupted(world: World, tally: Tally) -> None:
        raise KeyboardInterrupt

    world = sim_world()
    with pytest.raises(KeyboardInterrupt):
        list(run_scenarios([scenario(interrupted), scenario(fine, "two")], world, scaled=float, side_by_side=2))
    assert isinstance(world.machines, SimMachines)
    assert world.machines.aborted


def test_what_was_not_run_is_missing() -> None:
    result = missing(scenario(fine), 5.0)
    assert result.outcome is Outcome.MISSING
    assert not result.passed


@pytest.mark.parametrize(
    ("cores", "free", "expected"),
    [(1, 8000, 1), (2, 20000, 1), (4, 20000, 2), (16, 20000, 8), (16, 3000, 1), (8, 100, 1)],
)
def test_as_many_lanes_as_cores_and_memory_carry(cores: int, free: int, expected: int) -> None:
    assert lanes(cores=cores, free_mib=free, memory_mib=1024) == expected


def test_machines_of_one_processor_take_a_core_each() -> None:
    assert lanes(cores=2, free_mib=20000, memory_mib=1024, cores_each=1) == 2
