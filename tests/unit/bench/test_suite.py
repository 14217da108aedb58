"""Running benchmarks: errors are told, scratch is removed, results are kept."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from imagekit.base.errors import ToolError
from imagekit.bench import suite
from imagekit.bench.model import Row
from imagekit.bench.subject import BenchSubject, scratch_folder
from imagekit.config.load import Project
from imagekit.config.settings import Settings
from tests.unit.bench import sample


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with nothing in it."""
    return Project(root=tmp_path, images={}, layers={}, settings=Settings())


def test_one_that_fails_does_not_end_the_others(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(subject: BenchSubject) -> list[Row]:
        (subject.scratch / "large").write_text("left over")
        raise ToolError("the engine failed", hint="start it")

    known = {"bad": broken, "good": lambda subject: [sample.MET]}
    monkeypatch.setattr(suite, "measure_of", known.__getitem__)
    report = suite.run_benchmarks(project, "node", ("bad", "good"), "imagekit bench")
    assert report.errors == ("bad: the engine failed start it",)
    assert report.rows == (sample.MET,)
    assert list((project.work / "bench").iterdir()) == []


def test_a_report_is_kept_as_json_and_markdown(tmp_path: Path) -> None:
    kept = suite.keep_report(sample.report(), tmp_path / "bench")
    assert kept.name == "20260102-030405.json"
    assert json.loads(kept.read_text())["image"] == "debian-node"
    assert kept.with_suffix(".md").read_text().startswith("2026-01-02")


def test_scratch_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    (tmp_path / "tmp-999999999-abc").mkdir()
    (tmp_path / f"tmp-{os.getpid()}-abc").mkdir()
    with scratch_folder(tmp_path) as fresh:
        assert fresh.is_dir()
        assert not (tmp_path / "tmp-999999999-abc").exists()
    assert [path.name for path in tmp_path.iterdir()] == [f"tmp-{os.getpid()}-abc"]
