"""Whole runs against a simulated world: each stage failing, interrupted, reused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from imagekit.app.changes import last_good
from imagekit.app.interface import Booted
from imagekit.app.options import Finished, Options
from imagekit.app.publishing import publish_tested
from imagekit.app.remember import open_history
from imagekit.app.run import run_image
from imagekit.app.runs import kept_runs
from imagekit.base.errors import ConfigError
from imagekit.checks.outcome import Outcome, SuiteResult
from imagekit.checks.selection import Selection
from imagekit.config.load import Project, load_project
from imagekit.doctor.model import Need
from imagekit.history.read import runs
from imagekit.machine.interface import DISKLESS, BootPath, Start
from imagekit.registry.errors import NotPassedError
from imagekit.report.result import StageStatus, Verdict, read_result
from imagekit.scenarios.options import ScenarioOptions
from imagekit.scenarios.table import SCENARIOS
from tests.support.project import checked_project
from tests.support.simbackend import SimBackend, SimulatedError

NAME = "small-node"
BOTH = Options(lifecycle=ScenarioOptions(seed=1))
TWO = Options(publish=False, boot_paths=(), lifecycle=ScenarioOptions(names=("reset", "unsigned"), seed=1))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(checked_project(tmp_path / "project"))


def statuses(finished: Finished) -> dict[str, StageStatus]:
    return {stage.name: stage.status for stage in finished.result.stages}


def test_a_run_passes_and_is_published_with_all_that_was_tested(project: Project) -> None:
    world = SimBackend()
    done = run_image(project, NAME, Options(), world)
    assert done.error is None
    assert done.result.verdict is Verdict.PASSED
    assert set(statuses(done).values()) == {StageStatus.DONE}
    assert [boot.boot_path for boot in world.published[0].boots] == [BootPath.DIRECT, BootPath.LIVE]
    assert world.published[0].tested == "2026-11-28T12:09:00+00:00"
    assert read_result(project.work / "runs" / done.result.run_id) == done.result
    assert world.alive == []


def test_what_the_node_would_pass_over_in_its_profile_is_found_before_the_build(project: Project) -> None:
    profile = project.root / "cloud-config/node.yaml"
    step = "- {name: dns, dns: {nameservers: [dns.corp.example]}}"
    profile.write_text(profile.read_text().replace("- name: hello", step))
    done = run_image(load_project(project.root), NAME, Options(), SimBackend())
    assert str(done.error).startswith(
        "cloud-config/node.yaml:5: stages.initramfs.0.dns.nameservers.0: 'dns.corp.example'"
    )
    assert statuses(done)["lint"] is StageStatus.FAILED
    assert statuses(done)["build"] is StageStatus.MISSING


@pytest.mark.parametrize(
    "stage",
    [
        "plan",
        "needs",
        "memory",
        "lint",
        "build",
        "proof",
        "disks",
        "boot direct",
        "check direct",
        "boot live",
        "check live",
        "publish",
    ],
)
@pytest.mark.parametrize("how", ["failing", "interrupted"])
def test_a_stage_that_breaks_ends_the_run_and_is_named(project: Project, stage: str, how: str) -> None:
    world = SimBackend(failing={stage}) if how == "failing" else SimBackend(interrupted={stage})
    done = run_image(project, NAME, Options(), world)
    assert isinstance(done.error, SimulatedError if how == "failing" else KeyboardInterrupt)
    assert done.result.verdict is Verdict.FAILED
    failure = done.result.failure
    assert failure is not None
    assert failure.stage == {"memory": "needs"}.get(stage, stage.replace("check ", "checks "))
    assert failure.again == f"imagekit run {NAME}"
    assert statuses(done)[failure.stage] is StageStatus.FAILED
    assert world.published == []
    assert world.tags == {}
    assert world.alive == []
    after = list(statuses(done))[list(statuses(done)).index(failure.stage) + 1 :]
    assert {statuses(done)[name] for name in after} <= {StageStatus.MISSING}


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.PASSED])
@pytest.mark.parametrize("boot_path", DISKLESS)
def test_a_check_that_did_not_pass_on_any_boot_path_publishes_nothing(
    project: Project, boot_path: BootPath, outcome: Outcome
) -> None:
    world = SimBackend(outcomes={boot_path: outcome})
    done = run_image(project, NAME, Options(), world)
    assert done.result.verdict is Verdict.FAILED
    assert done.result.failure is not None
    assert done.result.failure.stage == f"checks {boot_path}"
    assert world.calls["publish"] == 0
    assert world.calls["boot live"] == (1 if boot_path is BootPath.LIVE else 0)


def test_a_machine_on_which_no_check_was_run_has_not_passed(project: Project) -> None:
    world = SimBackend(collects=False)
    assert run_image(project, NAME, Options(), world).result.verdict is Verdict.FAILED
    assert world.calls["publish"] == 0


def test_after_a_failed_publish_the_next_run_only_publishes(project: Project) -> None:
    """W3: a registry that was down threw away thirteen minutes of tests."""
    world = SimBackend(failing={"publish"})
    first = run_image(project, NAME, Options(), world)
    assert first.result.verdict is Verdict.FAILED
    world.failing.clear()
    before = dict(world.calls)
    done = run_image(project, NAME, Options(), world)
    assert done.result.verdict is Verdict.PASSED
    assert not done.unchanged
    again = {name: count - before.get(name, 0) for name, count in world.calls.items()}
    assert {name for name, count in again.items() if count} == {"plan", "needs", "require registry", "proof", "publish"}
    assert not {Need.QEMU, Need.LIBVIRT} & set(world.needed)
    notes = {stage.name: stage.note for stage in done.result.stages}
    assert notes["boot live"] == f"as in run {first.result.run_id}"
    assert notes["checks live"].startswith("1 passed, on 2026-11-28 12:")
    assert world.published[0].tested == first.result.tested != ""
    assert world.published[0].boots == first.result.boots


def test_a_boot_path_that_failed_is_run_again_and_one_that_passed_is_not(project: Project) -> None:
    world = SimBackend(outcomes={BootPath.LIVE: Outcome.FAILED})
    run_image(project, NAME, Options(), world)
    world.outcomes.clear()
    done = run_image(project, NAME, Options(), world)
    assert done.result.verdict is Verdict.PASSED
    assert world.calls["boot direct"] == 1
    assert world.calls["boot live"] == 2
    assert statuses(done)["checks direct"] is StageStatus.REUSED
    assert statuses(done)["checks live"] is StageStatus.DONE


def test_ctrl_c_on_the_second_boot_path_keeps_the_first(project: Project) -> None:
    world = SimBackend(interrupted={"boot live"})
    run_image(project, NAME, Options(), world)
    world.interrupted.clear()
    run_image(project, NAME, Options(), world)
    assert world.calls["boot direct"] == 1


def test_a_test_after_a_run_says_what_it_reuses(project: Project) -> None:
    world = SimBackend()
    first = run_image(project, NAME, Options(), world)
    done = run_image(project, NAME, Options(publish=False), world)
    assert done.unchanged
    assert done.result.run_id == first.result.run_id
    assert world.calls["boot direct"] == 1


def test_a_run_with_nothing_to_do_shows_the_run_that_did_it(project: Project) -> None:
    world = SimBackend()
    first = run_image(project, NAME, Options(), world)
    done = run_image(project, NAME, Options(), world)
    assert done.unchanged
    assert done.result == first.result
    assert len(list((project.work / "runs").iterdir())) == 1


def test_fresh_does_all_of_it_anew(project: Project) -> None:
    world = SimBackend()
    run_image(project, NAME, Options(), world)
    done = run_image(project, NAME, Options(fresh=True), world)
    assert not done.unchanged
    assert world.calls["boot direct"] == world.calls["boot live"] == 2


def test_a_machine_to_keep_is_a_fresh_one_and_still_runs(project: Project) -> None:
    world, said = SimBackend(), list[str]()
    run_image(project, NAME, Options(publish=False), world)

    def keep(machine: Booted, found: SuiteResult) -> None:
        assert found.checks
        assert world.alive == [BootPath.LIVE]
        said.append(machine.login)

    run_image(project, NAME, Options(publish=False, keep=keep), world)
    assert said == [f"ssh {NAME}-live"]


def test_a_selected_run_is_no_passed_suite(project: Project) -> None:
    """It is told as partial, reuses nothing, and leaves nothing that another run, a gate or a trend would count."""
    world = SimBackend()
    asked = Options(publish=False, selection=Selection(expression="x"))
    first = run_image(project, NAME, asked, world)
    assert (first.result.verdict, first.error) == (Verdict.PARTIAL, None)
    assert first.result.command == f"imagekit test {NAME} -k 'x'"
    run_image(project, NAME, asked, world)
    assert world.calls["boot live"] == 2
    assert last_good(kept_runs(project.work), NAME) is None
    assert not list((project.work / "results").glob("*"))
    whole = run_image(project, NAME, Options(), world)
    assert (whole.result.verdict, world.calls["boot live"]) == (Verdict.PASSED, 3)
    again = run_image(project, NAME, asked, world)
    assert (again.result.verdict, again.unchanged) == (Verdict.PARTIAL, False)
    assert run_image(project, NAME, Options(), world).unchanged
    with open_history(project) as history:
        assert len(runs(history)) == 1


def test_a_selected_run_that_fails_has_failed(project: Project) -> None:
    world = SimBackend(outcomes={BootPath.LIVE: Outcome.FAILED})
    asked = Selection(ids=("live:base/test_x.py::test_x",))
    done = run_image(project, NAME, Options(publish=False, selection=asked), world)
    assert done.result.verdict is Verdict.FAILED


def test_nothing_selected_is_ever_published(project: Project) -> None:
    with pytest.raises(ConfigError, match="has passed all of its checks"):
        Options(selection=Selection(expression="x"))


@pytest.mark.parametrize(
    "change",
    [
        "vm-harness/checks/base/test_x.py",
        "vm-harness/console-patterns.yaml",
        "cloud-config/node.yaml",
        "images/base/layer.yaml",
    ],
)
def test_a_result_does_not_outlive_what_it_depends_on(project: Project, change: str) -> None:
    world = SimBackend()
    run_image(project, NAME, Options(), world)
    path = project.root / change
    path.write_text((path.read_text() if path.exists() else "") + "# changed\n")
    run_image(load_project(project.root), NAME, Options(), world)
    assert world.calls["boot direct"] == 2


def test_another_machine_is_another_result(project: Project) -> None:
    world = SimBackend()
    run_image(project, NAME, Options(publish=False), world)
    run_image(project, NAME, Options(publish=False, firmware="uefi"), world)
    assert world.calls["boot direct"] == 2


@pytest.mark.parametrize(("days", "boots"), [(29, 1), (31, 2), (-1, 2)])
def test_a_result_older_than_the_policy_allows_or_of_the_future_is_made_anew(
    project: Project, days: int, boots: int
) -> None:
    world = SimBackend()
    run_image(project, NAME, Options(), world)
    world.clock += timedelta(days=days)
    run_image(project, NAME, Options(), world)
    assert world.calls["boot direct"] == boots


@pytest.mark.parametrize("damage", ["", "{}", "[]", "nonsense", '{"format": 99}'])
def test_a_kept_result_that_is_damaged_is_as_good_as_missing(project: Project, damage: str) -> None:
    world = SimBackend()
    run_image(project, NAME, Options(), world)
    for path in (project.work / "results").iterdir():
        path.write_text(damage)
    assert run_image(project, NAME, Options(), world).result.verdict is Verdict.PASSED
    assert world.calls["boot direct"] == 2


def test_a_kept_result_that_was_made_to_say_failed_is_not_reused(project: Project) -> None:
    world = SimBackend()
    run_image(project, NAME, Options(), world)
    for path in (project.work / "results").iterdir():
        path.write_text(path.read_text().replace('"outcome": "passed"', '"outcome": "failed"'))
    run_image(project, NAME, Options(), world)
    assert world.calls["boot direct"] == 2


def test_scenarios_follow_the_checks_and_are_in_what_is_published(project: Project) -> None:
    world = SimBackend()
    done = run_image(project, NAME, BOTH, world)
    assert done.result.verdict is Verdict.PASSED
    assert [each.name for each in world.published[0].scenarios] == [each.name for each in SCENARIOS]


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.PASSED])
def test_a_scenario_that_did_not_pass_publishes_nothing(project: Project, outcome: Outcome) -> None:
    world = SimBackend(scenario_outcomes={"reset": outcome})
    done = run_image(project, NAME, BOTH, world)
    assert done.result.verdict is Verdict.FAILED
    assert done.result.failure is not None
    assert done.result.failure.stage == "lifecycle"
    assert world.calls["publish"] == 0
    assert world.calls["scenario power-cuts"] == 1, "one broken promise hides no other"


def test_a_limit_of_the_framework_is_told_and_published(project: Project) -> None:
    limits = {"tampered": "the agent compares nothing"}
    world = SimBackend(scenario_outcomes={"tampered": Outcome.FAILED}, scenario_limits=limits)
    done = run_image(project, NAME, BOTH, world)
    assert done.result.verdict is Verdict.PASSED
    [stage] = [each for each in done.result.stages if each.name == "lifecycle"]
    assert f"{len(SCENARIOS) - 1} of {len(SCENARIOS)} scenarios, 1 met a limit of the framework" in stage.note
    assert {each.name: each.limit for each in world.published[0].scenarios if each.limit} == limits
    assert len(run_image(project, NAME, BOTH, world).result.limits) == 1, "told again when it is known from before"


def test_a_scenario_that_was_never_run_is_missing_and_fails(project: Project) -> None:
    world = SimBackend(failing={"scenario unsigned"})
    done = run_image(project, NAME, TWO, world)
    ended = {each.name: each.outcome for each in done.result.scenarios}
    assert ended == {"reset": Outcome.PASSED, "unsigned": Outcome.MISSING}
    assert done.result.verdict is Verdict.FAILED


def test_only_the_scenarios_that_did_not_pass_are_run_again(project: Project) -> None:
    world = SimBackend(scenario_outcomes={"unsigned": Outcome.FAILED})
    run_image(project, NAME, TWO, world)
    world.scenario_outcomes.clear()
    done = run_image(project, NAME, TWO, world)
    assert done.result.verdict is Verdict.PASSED
    assert world.calls["scenario reset"] == 1
    assert world.calls["scenario unsigned"] == 2
    note = next(stage.note for stage in done.result.stages if stage.name == "lifecycle")
    assert note.startswith("2 of 2 scenarios")
    assert "1 of them passed before" in note


def test_more_power_cuts_are_another_promise_and_another_start_is_not_known(project: Project) -> None:
    cuts = ScenarioOptions(names=("power-cuts",), cuts=3, seed=1)
    world = SimBackend()
    for asked in (cuts, cuts, replace(cuts, cuts=100), replace(cuts, upgrade_from="a.example/b@sha256:" + "a" * 64)):
        run_image(project, NAME, Options(publish=False, boot_paths=(), lifecycle=asked), world)
    assert world.calls["scenario power-cuts"] == 3


def test_a_later_run_publishes_the_scenarios_that_are_known_when_all_are(project: Project) -> None:
    world = SimBackend()
    run_image(project, NAME, replace(TWO, publish=False), world)
    run_image(project, NAME, Options(), world)
    assert world.published[0].scenarios == ()
    run_image(project, NAME, replace(BOTH, publish=False), world)
    run_image(project, NAME, Options(), world)
    assert len(world.published[1].scenarios) == len(SCENARIOS)


def test_publish_needs_no_run_of_its_own(project: Project) -> None:
    world = SimBackend()
    with pytest.raises(NotPassedError, match="has not passed its tests"):
        publish_tested(project, NAME, DISKLESS, world)
    run_image(project, NAME, Options(publish=False, boot_paths=(BootPath.DIRECT,)), world)
    with pytest.raises(NotPassedError, match="has not passed its tests"):
        publish_tested(project, NAME, DISKLESS, world)
    run_image(project, NAME, Options(publish=False, boot_paths=(BootPath.LIVE,)), world)
    runs = len(list((project.work / "runs").iterdir()))
    row = publish_tested(project, NAME, DISKLESS, world)
    assert not row.already_there
    assert [boot.boot_path for boot in world.published[0].boots] == [BootPath.DIRECT, BootPath.LIVE]
    assert len(list((project.work / "runs").iterdir())) == runs


DIRECT = Options(publish=False, boot_paths=(BootPath.DIRECT,))


def starts(finished: Finished) -> list[Start]:
    """How the machines of a run were started."""
    return [boot.start for boot in finished.result.boots]


def changed_check(project: Project) -> Project:
    """The project with another check."""
    path = project.root / "vm-harness/checks/base/test_x.py"
    path.write_text(path.read_text() + "    # changed\n")
    return load_project(project.root)


def test_after_a_change_of_a_check_the_suite_runs_on_a_fork(project: Project) -> None:
    world = SimBackend()
    assert starts(run_image(project, NAME, DIRECT, world)) == [Start.COLD]
    assert starts(run_image(changed_check(project), NAME, DIRECT, world)) == [Start.FORK]
    assert world.calls["build"] == 1


@pytest.mark.parametrize("asked", ["cold", "fresh"])
def test_cold_and_fresh_boot(project: Project, asked: str) -> None:
    world = SimBackend()
    run_image(project, NAME, DIRECT, world)
    done = run_image(changed_check(project), NAME, replace(DIRECT, **{asked: True}), world)  # type: ignore[arg-type]
    assert starts(done) == [Start.COLD]
    assert done.result.boots[0].reason == "asked for with --cold or --fresh"


def test_what_scenarios_of_forks_proved_counts_until_cold_is_wanted(project: Project) -> None:
    world = SimBackend(cold=True)
    first = run_image(project, NAME, replace(BOTH, publish=False), world)
    assert {each.start for each in first.result.scenarios} == {Start.FORK}
    assert {each.start for each in run_image(project, NAME, BOTH, world).result.scenarios} == {Start.COLD}
    assert world.calls["scenario reset"] == 2


def test_what_the_policy_wants_cold_is_tested_cold_before_it_is_published(project: Project) -> None:
    """Also when a fork has passed before: that result is good for `test` and no good here."""
    world = SimBackend(cold=True)
    run_image(project, NAME, DIRECT, world)
    other = changed_check(project)
    assert starts(run_image(other, NAME, DIRECT, world)) == [Start.FORK]
    assert starts(run_image(other, NAME, Options(boot_paths=(BootPath.DIRECT,)), world)) == [Start.COLD]
    assert [boot.start for boot in world.published[0].boots] == [Start.COLD]
    world.cold = False
    assert world.calls["boot direct"] == 3


def test_a_check_that_judges_a_boot_and_has_none_gets_one(project: Project) -> None:
    world = SimBackend()
    run_image(project, NAME, DIRECT, world)
    world.unjudged = True
    done = run_image(changed_check(project), NAME, DIRECT, world)
    assert starts(done) == [Start.COLD]
    assert done.result.verdict is Verdict.PASSED
    assert done.result.boots[0].reason == "1 checks judge a boot itself"
    assert world.calls["boot direct"] == 3
    assert StageStatus.FAILED not in {stage.status for stage in done.result.stages}


def test_a_key_that_cannot_sign_is_said_before_anything_is_built(project: Project) -> None:
    world = SimBackend(failing={"require signer"})
    done = run_image(project, NAME, Options(), world)
    assert done.result.failure is not None
    assert done.result.failure.stage == "needs"
    assert world.calls["build"] == 0


def test_a_run_that_publishes_nothing_opens_no_key(project: Project) -> None:
    world = SimBackend()
    run_image(project, NAME, Options(publish=False), world)
    assert world.calls["require signer"] == 0


TWO_PLACES = ("sim://one", "sim://two")


def test_side_by_side_each_boot_path_has_a_place_and_the_result_is_the_same(project: Project) -> None:
    world = SimBackend(places=TWO_PLACES)
    done = run_image(project, NAME, Options(), world)
    assert done.error is None
    assert done.result.verdict is Verdict.PASSED
    assert {boot_path for boot_path, _ in world.booted_at} == set(DISKLESS)
    assert {place for _, place in world.booted_at} == set(TWO_PLACES)
    assert [boot.boot_path for boot in done.result.boots] == [BootPath.DIRECT, BootPath.LIVE]
    assert set(statuses(done).values()) == {StageStatus.DONE}
    in_turn = run_image(project, NAME, Options(fresh=True), SimBackend())
    assert [stage.name for stage in done.result.stages] == [stage.name for stage in in_turn.result.stages]
    assert world.alive == []


def test_side_by_side_is_for_two_that_are_left(project: Project) -> None:
    world = SimBackend(places=TWO_PLACES)
    run_image(project, NAME, Options(boot_paths=(BootPath.DIRECT,), publish=False), world)
    assert world.booted_at == [(BootPath.DIRECT, "")]
    run_image(project, NAME, Options(publish=False), world)
    assert world.booted_at[1:] == [(BootPath.LIVE, "")]


def test_a_machine_that_is_kept_is_the_last_one_of_them_all(project: Project) -> None:
    world, seen = SimBackend(places=TWO_PLACES), list[BootPath]()

    def keep(machine: Booted, suites: SuiteResult) -> None:
        seen.append(machine.boot.boot_path)

    run_image(project, NAME, Options(publish=False, keep=keep), world)
    assert [boot_path for boot_path, _ in world.booted_at] == [BootPath.DIRECT, BootPath.LIVE]
    assert seen == [BootPath.LIVE]


@pytest.mark.parametrize("broken", [DISKLESS, DISKLESS[:1], DISKLESS[1:]], ids=["both", "direct", "live"])
def test_side_by_side_the_first_that_does_not_pass_is_the_failure(
    project: Project, broken: tuple[BootPath, ...]
) -> None:
    world = SimBackend(places=TWO_PLACES, outcomes=dict.fromkeys(broken, Outcome.FAILED))
    done = run_image(project, NAME, Options(), world)
    assert done.error is None
    assert done.result.verdict is Verdict.FAILED
    assert done.result.failure is not None
    assert done.result.failure.stage == f"checks {broken[0]}"
    assert len(done.result.boots) == 2
    assert {path for path in DISKLESS if statuses(done)[f"checks {path}"] is StageStatus.FAILED} == set(broken)
    assert world.published == []


@pytest.mark.parametrize(
    ("failing", "blamed"),
    [
        ({"boot live"}, "boot live"),
        ({"boot direct"}, "boot direct"),
        ({"boot direct", "boot live"}, "boot direct"),
        ({"boot live", "check direct"}, "checks direct"),
    ],
)
def test_side_by_side_a_machine_that_does_not_come_up_hides_no_other(
    project: Project, failing: set[str], blamed: str
) -> None:
    world = SimBackend(places=TWO_PLACES, failing=failing)
    done = run_image(project, NAME, Options(), world)
    assert isinstance(done.error, SimulatedError)
    assert done.result.failure is not None
    assert done.result.failure.stage == blamed
    assert done.result.failure.error == str(done.error)
    assert len(done.result.boots) == 2 - len(failing)
    assert world.alive == []
    assert world.published == []


def test_side_by_side_a_failed_boot_counts_more_than_a_failed_check(project: Project) -> None:
    world = SimBackend(places=TWO_PLACES, failing={"boot live"}, outcomes={BootPath.DIRECT: Outcome.FAILED})
    done = run_image(project, NAME, Options(), world)
    assert done.result.failure is not None
    assert done.result.failure.stage == "boot live"
    assert done.result.verdict is not Verdict.PASSED
    assert [boot.boot_path for boot in done.result.boots] == [BootPath.DIRECT]


@pytest.mark.parametrize("where", ["boot direct", "boot live", "check live"])
def test_side_by_side_an_interruption_ends_the_machines_and_is_said(project: Project, where: str) -> None:
    world = SimBackend(places=TWO_PLACES, interrupted={where})
    done = run_image(project, NAME, Options(), world)
    assert isinstance(done.error, KeyboardInterrupt)
    assert world.calls["end machines"] == 1
    assert done.result.failure is not None
    assert done.result.failure.error == "interrupted"
    assert done.result.verdict is not Verdict.PASSED
    assert world.alive == []


def test_side_by_side_checks_that_fail_for_an_interruption_are_no_result(project: Project) -> None:
    """They would count as flakes of checks that passed before."""
    world = SimBackend(
        places=TWO_PLACES, interrupted={"check live"}, outcomes=dict.fromkeys(DISKLESS[:1], Outcome.FAILED)
    )
    done = run_image(project, NAME, Options(), world)
    assert isinstance(done.error, KeyboardInterrupt)
    assert done.result.boots == ()
    assert done.result.suites is None or done.result.suites.checks == ()


def test_side_by_side_what_only_a_boot_shows_is_judged_on_a_cold_one(project: Project) -> None:
    world = SimBackend(places=TWO_PLACES, unjudged=True)
    assert run_image(project, NAME, Options(publish=False), world).result.verdict is Verdict.PASSED
    again = run_image(project, NAME, replace(Options(publish=False), fresh=True), world)
    assert again.result.verdict is Verdict.PASSED
    assert {boot.start for boot in again.result.boots} == {Start.COLD}
