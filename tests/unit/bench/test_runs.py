"""Finding the run that an unchanged one is compared with, and clones to run in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.base import process
from imagekit.bench.change import rows_of
from imagekit.bench.clone import Ran, cloned, share_base
from imagekit.bench.model import Met
from imagekit.bench.unchanged import describe, run_that_built
from imagekit.config.load import SETTINGS_FILE, Project, parse_file
from imagekit.config.settings import Settings
from imagekit.report.result import RunResult, StageRow, StageStatus, write_result
from tests.unit.report import sample


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with nothing in it."""
    return Project(root=tmp_path, images={}, layers={}, settings=Settings())


def keep(project: Project, result: RunResult) -> None:
    """Keep a run of the project."""
    write_result(result, project.work / "runs" / result.run_id)


def reused(result: RunResult) -> RunResult:
    """The same run, had it found its image built."""
    stages = tuple(
        replace(stage, status=StageStatus.REUSED) if stage.name == "build" else stage for stage in result.stages
    )
    return replace(result, stages=stages)


def test_the_newest_run_that_built_the_digest_is_found(project: Project) -> None:
    for run_id in ("1", "2"):
        keep(project, replace(sample.good(), run_id=run_id))
    keep(project, replace(reused(sample.good()), run_id="3"))
    keep(project, replace(sample.good(), run_id="4", digest="sha256:" + "0" * 64))
    found = run_that_built(project, "debian-node", sample.DIGEST)
    assert found is not None
    assert found.run_id == "2"


def test_a_damaged_result_is_passed_over(project: Project) -> None:
    keep(project, replace(sample.good(), run_id="1"))
    keep(project, replace(sample.good(), run_id="2"))
    (project.work / "runs" / "2" / "result.json").write_text("{")
    found = run_that_built(project, "debian-node", sample.DIGEST)
    assert found is not None
    assert found.run_id == "1"


def test_without_such_a_run_it_is_said_plainly(project: Project) -> None:
    keep(project, reused(sample.good()))
    assert run_that_built(project, "debian-node", sample.DIGEST) is None
    assert describe(None).startswith("no cold run recorded")


def test_the_verdict_after_a_change_is_held_against_boots_and_checks() -> None:
    names = (("build", 10.0), ("boot direct", 20.0), ("checks direct", 20.0), ("boot live", 0.0))
    stages = tuple(StageRow(name=name, status=StageStatus.DONE, seconds=seconds) for name, seconds in names)
    rows = rows_of(Ran(seconds=60.0, silence=1.0, result=replace(sample.good(), stages=stages)))
    assert rows[0].ratio == 1.5
    assert rows[0].met is Met.NO
    assert (rows[1].measured, rows[1].met) == (60.0, Met.YES)
    assert [row.name for row in rows[2:]] == ["change, build", "change, boot direct", "change, checks direct"]


def test_a_clone_has_what_is_committed_and_a_registry_of_its_own(project: Project, tmp_path: Path) -> None:
    (project.root / "committed").write_text("yes")
    for argv in (["init", "-q"], ["add", "committed"], ["commit", "-q", "-m", "first"]):
        process.run(["git", "-c", "user.name=A", "-c", "user.email=a@example", *argv], timeout=20, cwd=project.root)
    (project.root / "uncommitted").write_text("no")
    with cloned(project, tmp_path / "clone") as clone:
        assert (clone / "committed").exists()
        assert not (clone / "uncommitted").exists()
        settings = parse_file(Settings, clone / SETTINGS_FILE)
        assert settings.registry != project.settings.registry
        assert settings.repository == project.settings.repository


def test_a_clone_gets_the_base_that_was_made_before(project: Project, tmp_path: Path) -> None:
    (project.work / "distro" / "abc").mkdir(parents=True)
    (project.work / "distro" / "abc" / "rootfs.tar").write_text("base")
    share_base(project, tmp_path / "clone")
    assert (tmp_path / "clone" / ".imagekit" / "distro" / "abc" / "rootfs.tar").read_text() == "base"
