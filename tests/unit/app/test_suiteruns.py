"""Runs with suites that want fixtures, against a simulated world."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.app.options import Options
from imagekit.app.run import run_image
from imagekit.checks.named import NamedSuite
from imagekit.checks.outcome import Outcome
from imagekit.config.load import Project, load_project
from imagekit.report.result import StageStatus, Verdict, read_result
from tests.support.project import checked_project
from tests.support.simbackend import SimBackend, SimulatedError

NAME = "small-node"
AD = NamedSuite(version=1, name="ad", description="x", fixtures=("ad",))
CA = NamedSuite(version=1, name="ca", description="x", fixtures=("ca",))
ALONE = Options(publish=False, boot_paths=(), suites=(AD, CA))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(checked_project(tmp_path / "project"))


def test_suites_follow_the_boot_paths_and_are_in_what_is_published(project: Project) -> None:
    world = SimBackend()
    done = run_image(project, NAME, Options(suites=(AD, CA)), world)
    assert done.result.verdict is Verdict.PASSED
    published = world.published[0]
    assert published.suites is not None
    assert [check.id.partition(":")[2].partition("/")[0] for check in published.suites.checks] == [
        *("base", "base", "ad", "ca")
    ]
    assert len(published.boots) == 4
    assert read_result(project.work / "runs" / done.result.run_id) == done.result
    assert world.alive == []


def test_suites_alone_boot_nothing_else(project: Project) -> None:
    world = SimBackend()
    done = run_image(project, NAME, ALONE, world)
    assert done.result.verdict is Verdict.PASSED
    assert {name for name in world.calls if name.startswith(("boot ", "check "))} == {
        *("boot ad", "check ad", "boot ca", "check ca")
    }


def test_a_run_without_suites_starts_none(project: Project) -> None:
    world = SimBackend()
    run_image(project, NAME, Options(publish=False), world)
    assert not {"boot ad", "boot ca"} & set(world.calls)


def test_a_suite_that_does_not_pass_publishes_nothing_and_ends_the_run(project: Project) -> None:
    world = SimBackend(suite_outcomes={"ad": Outcome.FAILED})
    done = run_image(project, NAME, Options(suites=(AD, CA)), world)
    assert done.result.verdict is Verdict.FAILED
    assert done.result.failure is not None
    assert done.result.failure.stage == "checks ad"
    assert world.published == []
    assert "boot ca" not in world.calls


@pytest.mark.parametrize("stage", ["boot ad", "check ad"])
@pytest.mark.parametrize("how", ["failing", "interrupted"])
def test_a_suite_that_was_asked_for_and_not_run_is_never_passed(project: Project, stage: str, how: str) -> None:
    world = SimBackend()
    getattr(world, how).add(stage)
    done = run_image(project, NAME, Options(suites=(AD,)), world)
    assert done.error is not None
    assert done.result.verdict is Verdict.FAILED
    assert world.published == []
    assert world.alive == []


def test_suites_are_run_whenever_they_are_asked_for(project: Project) -> None:
    world = SimBackend()
    for _ in range(2):
        done = run_image(project, NAME, Options(publish=False, suites=(AD,)), world)
        assert not done.unchanged
    assert world.calls["check ad"] == 2
    assert world.calls["check direct"] == 1, "what needs no fixture is reused"


def test_after_a_boot_path_that_failed_no_suite_is_run(project: Project) -> None:
    world = SimBackend(collects=False)
    done = run_image(project, NAME, Options(suites=(AD,)), world)
    assert done.result.verdict is Verdict.FAILED
    assert "boot ad" not in world.calls


TWO_PLACES = ("sim://one", "sim://two")


def test_suites_go_side_by_side_on_this_host_where_it_has_room(project: Project) -> None:
    world = SimBackend(places=TWO_PLACES)
    done = run_image(project, NAME, ALONE, world)
    assert done.result.verdict is Verdict.PASSED
    assert {place for _, place in world.booted_at} == set(TWO_PLACES)
    assert world.asked_here == [True], "its servers listen on this host alone"
    assert [row.name for row in done.result.stages][-4:] == ["boot ad", "checks ad", "boot ca", "checks ca"]
    assert done.result.suites is not None
    assert [check.id.partition(":")[2].partition("/")[0] for check in done.result.suites.checks] == ["ad", "ca"]
    assert world.alive == []


def test_a_machine_that_is_kept_is_that_of_the_last_suite(project: Project) -> None:
    world = SimBackend(places=TWO_PLACES)
    run_image(project, NAME, replace(ALONE, keep=lambda _machine, _suites: None), world)
    assert world.asked_here == []
    assert [place for _, place in world.booted_at] == ["", ""]


@pytest.mark.parametrize("broken", [("ad",), ("ca",), ("ad", "ca")])
def test_side_by_side_no_suite_hides_another(project: Project, broken: tuple[str, ...]) -> None:
    world = SimBackend(places=TWO_PLACES, suite_outcomes=dict.fromkeys(broken, Outcome.FAILED))
    done = run_image(project, NAME, Options(suites=(AD, CA)), world)
    assert done.result.failure is not None
    assert done.result.failure.stage == f"checks {broken[0]}"
    assert {row.name for row in done.result.stages if row.status is StageStatus.FAILED} >= {
        f"checks {name}" for name in broken
    }
    assert world.calls["check ad"] == world.calls["check ca"] == 1
    assert world.published == []


def test_side_by_side_a_suite_whose_machine_does_not_come_up_is_the_failure(project: Project) -> None:
    world = SimBackend(places=TWO_PLACES, failing={"boot ca"})
    done = run_image(project, NAME, ALONE, world)
    assert isinstance(done.error, SimulatedError)
    assert done.result.failure is not None
    assert done.result.failure.stage == "boot ca"
    assert world.calls["check ad"] == 1
    assert done.result.verdict is Verdict.FAILED


def test_side_by_side_what_a_suite_found_while_it_was_interrupted_is_no_result(project: Project) -> None:
    world = SimBackend(places=TWO_PLACES, interrupted={"check ca"}, suite_outcomes={"ad": Outcome.FAILED})
    done = run_image(project, NAME, ALONE, world)
    assert isinstance(done.error, KeyboardInterrupt)
    assert world.calls["end machines"] == 1
    assert done.result.suites is None or done.result.suites.checks == ()
    assert done.result.verdict is not Verdict.PASSED


def test_the_command_asks_for_the_same_again() -> None:
    assert ALONE.command(NAME) == f"imagekit test {NAME} --suite ad,ca"
    assert "--suite" not in replace(ALONE, suites=()).command(NAME)
    assert ALONE.stages[-4:] == ("boot ad", "checks ad", "boot ca", "checks ca")
