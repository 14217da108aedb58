"""What real Kairos does not do is a limit that the result names; on the stand-in, and without a way back, a failure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imagekit.checks.outcome import Outcome
from imagekit.checks.scenario import ScenarioResult
from imagekit.scenarios import ask
from imagekit.scenarios.runner import run_scenarios
from imagekit.scenarios.table import chosen
from tests.support.simnode import REAL, STAND_IN, Flaw, sim_world

MET = [("tampered", Flaw.BLOB_UNCHECKED, "does not compare"), ("disk-full", Flaw.NO_SPACE_UNSEEN, "does not look at")]
BOTH = pytest.mark.parametrize(("name", "flaw", "cause"), MET)


def ran(name: str, flaw: Flaw | None, framework: str) -> ScenarioResult:
    world = sim_world(flaw, framework=framework)
    [found] = [one.result for one in run_scenarios(chosen((name,)), [world], scaled=float)]
    return found


@BOTH
def test_real_kairos_meets_a_limit_and_says_which(name: str, flaw: Flaw, cause: str) -> None:
    found = ran(name, flaw, REAL)
    assert not found.passed
    assert not found.blocks
    assert found.outcome is Outcome.FAILED
    assert cause in found.limit
    assert REAL in found.limit
    assert found.limit in found.detail
    assert found.boots == 2, "the way back was not gone"


@BOTH
@pytest.mark.parametrize("framework", [STAND_IN, ""])
def test_the_stand_in_has_no_limits(name: str, flaw: Flaw, cause: str, framework: str) -> None:
    found = ran(name, flaw, framework)
    assert found.blocks
    assert not found.limit
    assert "though it must be refused" in found.detail


@BOTH
def test_a_real_node_that_refuses_keeps_the_promise(name: str, flaw: Flaw, cause: str) -> None:
    found = ran(name, None, REAL)
    assert found.passed
    assert not found.limit


@BOTH
def test_without_a_way_back_it_is_a_failure(name: str, flaw: Flaw, cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask, "image_version", lambda *_: "v9")
    found = ran(name, flaw, REAL)
    assert found.blocks
    assert "there is no way back" in found.detail


@BOTH
def test_a_way_back_that_does_not_start_is_a_failure(
    name: str, flaw: Flaw, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "select", lambda *_: None)  # it stays on the image that it must not have taken
    found = ran(name, flaw, REAL)
    assert found.blocks
    assert found.outcome is Outcome.FAILED


@BOTH
def test_too_late_is_a_failure_with_a_limit_too(name: str, flaw: Flaw, cause: str) -> None:
    hasty = [replace(each, budget=-1.0) for each in chosen((name,))]
    [found] = [one.result for one in run_scenarios(hasty, [sim_world(flaw, framework=REAL)], scaled=float)]
    assert found.blocks
    assert not found.limit
    assert "its budget is" in found.detail
    assert cause in found.detail
