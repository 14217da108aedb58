"""Every scenario passes on a node that keeps the contract, and fails on one that breaks the promise it is about."""

from __future__ import annotations

import pytest

from imagekit.checks.outcome import Outcome
from imagekit.checks.scenario import ScenarioResult
from imagekit.scenarios.model import Scenario
from imagekit.scenarios.runner import run_scenarios
from imagekit.scenarios.table import SCENARIOS, chosen
from tests.support.simnode import Flaw, SimMachines, sim_world

# For each flaw a scenario that must fail; those with several names must all fail.
FAILS = {
    Flaw.NO_FSYNC: ("power-cuts",),
    Flaw.SENTINEL_MISSING: ("upgrade", "rollback", "recovery", "reset"),
    Flaw.WRONG_STATE: ("upgrade", "recovery"),
    Flaw.NOT_PERSISTENT: ("install", "upgrade", "rollback", "recovery"),
    Flaw.NOT_GROWN: ("upgrade",),  # W29: a disk of 1.8 GiB on a larger one
    Flaw.FILE_SYSTEM_NOT_GROWN: ("upgrade",),
    Flaw.STATE_FORGOTTEN: ("upgrade", "rollback"),  # W30: a node that joined a domain forgot it
    Flaw.FALLBACK_DISABLED: ("fallback-panic", "fallback-hang", "fallback-unit"),
    Flaw.PASSIVE_NOT_KEPT: ("rollback",),
    Flaw.PASSIVE_LOST: ("passive-upgrade",),
    Flaw.NOT_ONE_SHOT: ("rollback",),
    Flaw.RESET_KEEPS: ("reset",),
    Flaw.RESET_WIPES_OEM: ("reset",),
    Flaw.UNCHECKED: ("unsigned",),
    Flaw.STALE: ("fallback-panic", "fallback-hang", "fallback-unit"),
    Flaw.RECOVERY_OLD: ("recovery",),
    Flaw.RECOVERY_BOTH: ("recovery",),
    Flaw.TRANSITION_LEFT: ("upgrade", "disk-full", "source-dies", "tampered", "unsigned"),
    Flaw.VERSION_OLD: ("upgrade",),
    Flaw.CONFIG_STALE: ("config-change",),
    Flaw.UNIT_FAILED: ("upgrade",),
    Flaw.BLOB_UNCHECKED: ("tampered",),
    Flaw.NO_SPACE_UNSEEN: ("disk-full",),
}


def reported(names: tuple[str, ...], flaw: Flaw | None = None) -> list[ScenarioResult]:
    return [one.result for one in run_scenarios(chosen(names), [sim_world(flaw)], scaled=lambda seconds: seconds)]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_node_that_keeps_the_contract_passes(scenario: Scenario) -> None:
    [result] = reported((scenario.name,))
    assert result.outcome is Outcome.PASSED, result.detail
    assert result.boots > 0


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_its_console_is_where_its_name_says(scenario: Scenario) -> None:
    world = sim_world()
    list(run_scenarios([scenario], [world], scaled=float))
    assert isinstance(world.machines, SimMachines)
    assert set(world.machines.names) == {scenario.name}


def test_every_flaw_is_listed() -> None:
    assert set(FAILS) == set(Flaw)


@pytest.mark.parametrize("flaw", Flaw)
def test_a_broken_promise_is_seen(flaw: Flaw) -> None:
    results = reported(FAILS[flaw], flaw)
    assert {result.name: result.outcome for result in results} == dict.fromkeys(FAILS[flaw], Outcome.FAILED)
    assert all(result.detail for result in results)


def test_every_scenario_can_fail() -> None:
    assert {name for names in FAILS.values() for name in names} == {scenario.name for scenario in SCENARIOS}


def test_the_seed_is_told_and_repeats_the_cuts() -> None:
    [first], [second] = reported(("power-cuts",)), reported(("power-cuts",))
    assert first.detail.startswith("seed 7, 10 cuts")
    assert first.boots == second.boots == 11
