"""What a run, a gate and a night leave in the history of a project, and the alarms that come of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from imagekit.app.alarms import watch
from imagekit.app.options import Options
from imagekit.app.remember import history_path, open_history, remember_night
from imagekit.app.run import run_image
from imagekit.app.trusted import keys_of
from imagekit.checks.outcome import Outcome
from imagekit.cli import cli
from imagekit.config.load import Project, load_project
from imagekit.history import read
from imagekit.history.model import Night, NightOutcome
from imagekit.history.starvation import AlarmKind
from imagekit.machine.interface import BootPath
from imagekit.report.result import Verdict
from tests.support.project import checked_project
from tests.support.simbackend import SimBackend

NAME = "small-node"
DAY = timedelta(days=1)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(checked_project(tmp_path / "project"))


def test_every_run_is_in_the_history_good_or_bad(project: Project) -> None:
    world = SimBackend(outcomes={BootPath.DIRECT: Outcome.FAILED})
    run_image(project, NAME, Options(), world)
    world.outcomes.clear()
    run_image(project, NAME, Options(), world)
    with open_history(project) as history:
        assert [run.verdict for run in read.runs(history)] == [Verdict.FAILED, Verdict.PASSED]
        assert [run.published for run in read.runs(history)] == [False, True]
        assert read.stage_seconds(history, NAME, "checks live")


def test_a_history_that_cannot_be_written_ends_no_run_and_is_said(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.work.mkdir()
    history_path(project).write_text("no database, for sure; " * 100)
    done = run_image(project, NAME, Options(), SimBackend())
    assert done.result.verdict is Verdict.PASSED
    assert "is not in the history" in caplog.text
    assert history_path(project).read_text().startswith("no database")


def test_a_run_says_how_long_it_took_before(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="imagekit")
    run_image(project, NAME, Options(), SimBackend())
    assert "took about" not in caplog.text
    run_image(project, NAME, Options(fresh=True), SimBackend())
    assert "small-node took about 1 min when all of it was done" in caplog.text


def test_a_history_that_was_lost_is_made_of_the_kept_results(project: Project) -> None:
    run_image(project, NAME, Options(), SimBackend())
    history_path(project).unlink()
    with open_history(project) as history:
        assert len(read.runs(history)) == 1


def test_the_command_makes_it_anew_and_says_what_is_lost(project: Project) -> None:
    run_image(project, NAME, Options(), SimBackend())
    history_path(project).write_text("no database, for sure; " * 100)
    runner = CliRunner()
    broken = runner.invoke(cli, ["--project", str(project.root), "trends"])
    assert type(broken.exception).__name__ == "HistoryDamagedError"
    done = runner.invoke(cli, ["--project", str(project.root), "trends", "--rebuild"])
    assert done.exit_code == 0, done.output
    assert "1 kept runs" in done.output
    assert "damaged-1" in done.output
    assert "small-node: 1 of 1 runs passed" in done.output


def test_the_history_is_where_the_project_says(project: Project) -> None:
    (project.root / "imagekit.yaml").write_text("version: 1\nhistory: ../elsewhere/h.sqlite\n")
    other = load_project(project.root)
    run_image(other, NAME, Options(), SimBackend())
    assert (project.root.parent / "elsewhere/h.sqlite").stat().st_size > 0


def test_a_project_where_nothing_ran_is_no_alarm_and_says_what_it_did_not_see(project: Project) -> None:
    found = watch(project, datetime(2026, 12, 24, tzinfo=UTC))
    assert found.alarms == ()
    assert found.unseen != ()
    assert not found.known


def test_nothing_known_is_not_nothing_starved(project: Project) -> None:
    """Whoever asks every morning on a machine that has lost its history would never hear of it."""

    def ask(*words: str) -> tuple[int, str]:
        argv = ["--project", str(project.root), "alarms", *words]
        done = CliRunner().invoke(cli, argv, standalone_mode=False)
        return done.return_value, done.stdout

    assert ask()[0] == 4
    assert ask()[1].startswith("nothing is known: no run, night or promotion")
    assert ask(NAME)[1].startswith(f"nothing is known of {NAME}: ")
    code, said = ask("--json")
    assert (code, json.loads(said)["known"], json.loads(said)["alarms"]) == (4, False, [])
    now = datetime.now(UTC)
    remember_night(project, Night(night_id="n1", image=NAME, started=now, ended=now, outcome=NightOutcome.GREEN))
    assert ask()[0] == 1, "now its suites are known never to have run"
    assert json.loads(ask("--json")[1])["known"] is True


def test_alarms_of_a_project(project: Project) -> None:
    """Published, and nothing takes it; one suite is of a layer that has no check; the night is missed."""
    world = SimBackend()
    run_image(project, NAME, Options(), world)
    keys_of(project).signer()
    remember_night(
        project, Night(night_id="n1", image=NAME, started=world.clock, ended=world.clock, outcome=NightOutcome.GREEN)
    )
    at_once = watch(project, world.clock)
    assert {alarm.kind for alarm in at_once.alarms} == {AlarmKind.SUITE}
    assert {alarm.subject for alarm in at_once.alarms} == {f"{NAME}/extra", f"{NAME}/lifecycle"}
    later = {alarm.kind for alarm in watch(project, world.clock + 2 * DAY).alarms}
    assert later == {AlarmKind.CHANNEL, AlarmKind.SUITE, AlarmKind.NIGHT_MISSED}


def test_the_command_ends_with_one_when_something_starves(project: Project) -> None:
    run_image(project, NAME, Options(), SimBackend())
    done = CliRunner().invoke(cli, ["--project", str(project.root), "alarms", "--json"], standalone_mode=False)
    assert done.return_value == 1
    assert '"page": "suite-starved"' in done.output


def test_flakes_of_the_project(project: Project) -> None:
    world = SimBackend(outcomes={BootPath.DIRECT: Outcome.FAILED})
    run_image(project, NAME, Options(publish=False), world)
    world.outcomes.clear()
    run_image(project, NAME, Options(publish=False), world)
    done = CliRunner().invoke(cli, ["--project", str(project.root), "flakes"], standalone_mode=False)
    assert done.return_value == 1
    assert "direct:base/test_x.py::test_x 50 % (1 of 2)" in done.output
