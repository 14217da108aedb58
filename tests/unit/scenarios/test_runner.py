"""How a script's end becomes a result."""

from __future__ import annotations

import threading

import pytest

from imagekit.base.errors import ImagekitError, ToolError
from imagekit.checks.outcome import Outcome
from imagekit.machine.errors import BootFailedError
from imagekit.scenarios.errors import PromiseBrokenError
from imagekit.scenarios.model import Scenario, Script, Tally, World
from imagekit.scenarios.runner import missing, run_scenarios
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

    [reported] = run_scenarios([scenario(broken)], [sim_world()], scaled=float)
    assert reported.result.outcome is outcome
    assert reported.result.detail == f"seed 7\n{error}\n{error.hint}"


def test_a_promise_kept_too_late_is_broken() -> None:
    [reported] = run_scenarios([scenario(fine)], [sim_world()], scaled=lambda seconds: 0.0)
    assert reported.result.outcome is Outcome.FAILED
    assert "its budget is 0 s" in reported.result.detail


def test_a_budget_follows_what_the_nodes_themselves_took() -> None:
    """K15: a real node boots in 157 s where the budgets were made with one that takes 30 s."""

    def with_node(world: World, tally: Tally) -> None:
        with world.machines.installed("one") as node:
            node.pace = 5.2  # type: ignore[misc]  # a simulated node's own
            tally.nodes.append(node)

    [reported] = run_scenarios([scenario(with_node, budget=100.0)], [sim_world()], scaled=lambda seconds: 0.0)
    assert reported.result.outcome is Outcome.PASSED
    assert reported.result.budget == pytest.approx(520.0)


def test_one_broken_promise_hides_no_other() -> None:
    def broken(world: World, tally: Tally) -> None:
        raise PromiseBrokenError("no")

    found = list(run_scenarios([scenario(broken), scenario(fine, "two")], [sim_world()], scaled=float))
    assert [reported.result.outcome for reported in found] == [Outcome.FAILED, Outcome.PASSED]


def test_side_by_side_they_run_at_the_same_time() -> None:
    together = threading.Barrier(2, timeout=10)

    def meets(world: World, tally: Tally) -> None:
        together.wait()

    both = [scenario(meets, "a"), scenario(meets, "b")]
    found = list(run_scenarios(both, [sim_world()] * 2, scaled=float))
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
    assert len(list(run_scenarios(each, [sim_world()] * 2, scaled=float))) == 3
    assert begun == ["long", "long", "short"]


def test_an_interruption_aborts_the_others() -> None:
    def interrupted(world: World, tally: Tally) -> None:
        raise KeyboardInterrupt

    world, other = sim_world(), sim_world()
    with pytest.raises(KeyboardInterrupt):
        list(run_scenarios([scenario(interrupted), scenario(fine, "two")], [world, other], scaled=float))
    for each in (world, other):
        assert isinstance(each.machines, SimMachines)
        assert each.machines.aborted


def test_each_world_is_used_by_one_scenario_at_a_time() -> None:
    worlds, busy, most = [sim_world(), sim_world()], set[int](), list[int]()
    together = threading.Barrier(2, timeout=10)

    def alone(world: World, tally: Tally) -> None:
        assert id(world) not in busy
        busy.add(id(world))
        most.append(len(busy))
        together.wait()
        busy.discard(id(world))

    each = [scenario(alone, name) for name in "abcdef"]
    found = list(run_scenarios(each, worlds, scaled=float))
    assert [reported.result.outcome for reported in found] == [Outcome.PASSED] * 6
    assert max(most) == 2


def test_what_was_not_run_is_missing() -> None:
    result = missing(scenario(fine), 5.0)
    assert result.outcome is Outcome.MISSING
    assert not result.passed
