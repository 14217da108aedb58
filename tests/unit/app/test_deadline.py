"""A run that cannot end in time is refused before it begins, with what would fit."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.app.deadline import require_in_time
from imagekit.app.options import Options
from imagekit.app.remember import history_path
from imagekit.app.run import run_image
from imagekit.base.errors import RefusedError
from imagekit.config.load import Project, load_project
from imagekit.report.result import Verdict
from imagekit.scenarios.options import ScenarioOptions
from tests.support.project import checked_project
from tests.support.simbackend import SimBackend

NAME = "small-node"
MINUTES = {"build": 4, "boot direct": 1, "checks direct": 1, "boot live": 3, "checks live": 2, "lifecycle": 40}
LIFE = ScenarioOptions(seed=1)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose runs took these minutes."""
    made = load_project(checked_project(tmp_path / "project"))
    run_image(made, NAME, Options(lifecycle=LIFE), SimBackend())
    with closing(sqlite3.connect(history_path(made))) as database, database:
        database.execute("UPDATE stages SET seconds = 0")
        for name, minutes in MINUTES.items():
            database.execute("UPDATE stages SET seconds = ? WHERE name = ?", (minutes * 60, name))
        database.execute("UPDATE runs SET seconds = ?", (sum(MINUTES.values()) * 60,))
    return made


def refused(project: Project, options: Options, world: SimBackend) -> RefusedError:
    done = run_image(project, NAME, options, world)
    assert isinstance(done.error, RefusedError)
    assert done.result.verdict is Verdict.FAILED
    assert not {"boot direct", "boot live", "lint"} & world.calls.keys()
    return done.error


def test_what_would_take_too_long_is_refused_with_what_fits(project: Project) -> None:
    error = refused(project, Options(fresh=True, lifecycle=LIFE, within=6), SimBackend())
    assert str(error) == "small-node would take about 47.0 min by its last runs, and 6 min are allowed"
    assert error.hint == "What fits, each alone: direct (2.0 min), live (5.0 min)."


def test_what_went_on_side_by_side_is_not_counted_twice(project: Project) -> None:
    with closing(sqlite3.connect(history_path(project))) as database, database:
        database.execute("UPDATE runs SET seconds = ?", (0.8 * sum(MINUTES.values()) * 60,))
    error = refused(project, Options(fresh=True, within=5.5), SimBackend())
    assert str(error) == "small-node would take about 5.6 min by its last runs, and 5.5 min are allowed"
    assert run_image(project, NAME, Options(fresh=True, within=5.7), SimBackend()).error is None


def forget(project: Project, *names: str) -> None:
    """No run that is remembered took any time for these stages."""
    with closing(sqlite3.connect(history_path(project))) as database, database:
        database.executemany("DELETE FROM stages WHERE name = ?", [(name,) for name in names])


def test_the_scenarios_are_a_part_too(project: Project) -> None:
    error = refused(project, Options(fresh=True, lifecycle=LIFE, within=45), SimBackend())
    assert error.hint == "What fits, each alone: direct (2.0 min), live (5.0 min), lifecycle (40.0 min)."


def test_what_takes_just_that_long_fits_and_a_step_of_every_run_that_nobody_knows_is_no_hindrance(
    project: Project,
) -> None:
    forget(project, "proof", "publish")
    error = refused(project, Options(fresh=True, lifecycle=LIFE, within=5), SimBackend())
    assert error.hint == "What fits, each alone: direct (2.0 min), live (5.0 min)."


def test_where_no_part_is_known_what_every_run_does_is_named(project: Project) -> None:
    forget(project, "checks direct", "checks live")
    path = project.root / "images/base/Dockerfile"
    path.write_text(path.read_text() + "# another build\n")
    error = refused(load_project(project.root), Options(within=3), SimBackend())
    assert error.hint == "Nothing of it fits alone; the shortest part takes 4.0 min."


def test_where_nothing_fits_the_shortest_is_named(project: Project) -> None:
    error = refused(project, Options(fresh=True, within=1.5), SimBackend())
    assert error.hint == "Nothing of it fits alone; the shortest part takes 2.0 min."


def test_a_part_whose_time_nobody_knows_is_not_said_to_fit(project: Project) -> None:
    forget(project, "checks direct")
    error = refused(project, Options(fresh=True, lifecycle=LIFE, within=6), SimBackend())
    assert error.hint == "What fits, each alone: live (5.0 min)."
    assert refused(project, Options(fresh=True, within=1.5), SimBackend()).hint.endswith("takes 5.0 min.")


def test_a_build_is_part_of_every_part(project: Project) -> None:
    path = project.root / "images/base/Dockerfile"
    path.write_text(path.read_text() + "# another build\n")
    error = refused(load_project(project.root), Options(within=6.5), SimBackend())
    assert error.hint == "What fits, each alone: direct (6.0 min)."


def test_what_fits_is_run_and_what_is_kept_takes_no_time(project: Project) -> None:
    world = SimBackend()
    done = run_image(project, NAME, Options(fresh=True, within=7), world)
    assert done.error is None
    assert {"boot direct", "boot live"} <= world.calls.keys()
    again = run_image(project, NAME, Options(lifecycle=LIFE, within=0.1), world)
    assert again.error is None


def test_times_that_nobody_knows_refuse_nothing_and_are_named(project: Project) -> None:
    history_path(project).unlink()
    done = run_image(project, NAME, replace(Options(), fresh=True, within=1), SimBackend())
    (needs,) = (stage for stage in done.result.stages if stage.name == "needs")
    assert "about 0.0 of 1 min; not known: boot direct, checks direct, boot live" in needs.note


def test_what_is_known_is_said_without_more(project: Project) -> None:
    known = ["boot direct", "checks direct"]
    assert require_in_time(project, NAME, known, 5) == "about 2.0 of 5 min"
    assert require_in_time(project, NAME, ["boot moon", *known, "drive"], 5).endswith("; not known: boot moon, drive")


def test_one_machines_part_alone_takes_what_it_takes(project: Project) -> None:
    """Without a stage of every run nothing is added."""
    with pytest.raises(RefusedError) as caught:
        require_in_time(project, NAME, ["boot direct", "checks direct", "boot live", "checks live"], 4)
    assert caught.value.hint == "What fits, each alone: direct (2.0 min)."
