"""Builds and disks are held to a budget: the longest unused go, never what is in use or the newest (issue 16, 8)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from imagekit.app import budget
from imagekit.app.budget import prune, removal_note
from imagekit.app.cleaning import clean
from imagekit.app.runs import new_run
from imagekit.base import process
from imagekit.build.result import Build
from imagekit.config.load import Project, load_project
from tests.support.inventories import keep_build, put
from tests.support.project import make_project
from tests.unit.cli.test_exit_codes import imagekit

DAY = 86_400.0
NOW = 2_000_000_000.0
MIB = 1 << 20


@pytest.fixture(autouse=True)
def _mib_counts_as_gib(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte on the disk counts as 1,024: the tests of a session took 9 GiB of the machine's disk otherwise."""
    real = budget._size
    monkeypatch.setattr(budget, "_size", lambda path: real(path) * 1024)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = make_project(tmp_path / "project")
    (root / "imagekit.yaml").write_text("version: 1\nkeep: {gib: 1}\n")
    return load_project(root)


def aged(path: Path, days: float) -> Path:
    at = NOW - days * DAY
    for each in [*path.rglob("*"), path]:
        os.utime(each, (at, at), follow_symlinks=False)
    return path


def disk(project: Project, name: str, days: float, *, gib: float = 0.6) -> Path:
    """Something of that size, as the file system sees it, not used for so many days."""
    folder = project.work / "disks" / name
    folder.mkdir(parents=True)
    with (folder / "rootfs.squashfs").open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, int(gib * MIB))
    return aged(folder, days)


def built(project: Project, text: str, days: float) -> Build:
    path = project.root / "images/extra/Dockerfile"
    path.write_text(path.read_text() + text)
    build = keep_build(load_project(project.root), lambda members: put(members, f"opt/{len(text)}", text.encode()))
    aged(build.layout.parent, days)
    return build


def names(project: Project) -> set[str]:
    return {path.name for path in (project.work / "disks").iterdir()}


def test_what_was_unused_for_longest_goes_until_the_rest_fits(project: Project) -> None:
    for name, days in (("a", 9.0), ("b", 3.0), ("c", 5.0)):
        disk(project, name, days)
    removed = prune(project, clock=lambda: NOW)
    assert [each.path.name for each in removed] == ["a", "c"]
    assert names(project) == {"b"}
    assert removal_note(removed) == "2 unused builds and disks removed, 1.2 GiB"
    assert prune(project, clock=lambda: NOW) == []


def test_within_the_budget_nothing_goes(project: Project) -> None:
    disk(project, "a", 99.0)
    assert prune(project, clock=lambda: NOW) == []
    assert removal_note([]) == ""


def test_what_was_used_within_the_hour_stays(project: Project) -> None:
    disk(project, "a", 0.01)
    disk(project, "b", 0.02)
    assert prune(project, clock=lambda: NOW) == []


def test_the_newest_build_of_an_image_and_its_disks_stay(project: Project) -> None:
    old, new = built(project, "RUN a\n", 9.0), built(project, "RUN bb\n", 8.0)
    disk(project, old.digest.hex, 9.0)
    disk(project, new.digest.hex, 9.0)
    removed = {each.path.name for each in prune(project, clock=lambda: NOW)}
    assert old.digest.hex in removed or old.layout.parent.name in removed
    assert names(project) == {new.digest.hex}
    assert new.layout.is_dir()


@pytest.mark.parametrize("other", ["running", "keeps a machine", "dead", "own"])
def test_nothing_goes_while_another_run_goes_on(project: Project, other: str) -> None:
    """A run that keeps a machine has no result yet either; one whose process is gone holds nothing."""
    for name in "abc":
        disk(project, name, 9.0)
    run_id, folder = new_run(project.work)
    if other == "dead":
        (folder / "owner.json").write_text(json.dumps({"pid": 2**22 - 1, "started": process.start_time(os.getpid())}))
    removed = prune(project, own_run=run_id if other == "own" else "", clock=lambda: NOW)
    assert bool(removed) is (other in ("dead", "own"))


def test_disks_of_installed_nodes_are_counted_one_by_one(project: Project) -> None:
    disk(project, "installed/a", 9.0)
    disk(project, "installed/b", 1.0)
    assert [each.path.name for each in prune(project, clock=lambda: NOW)] == ["a"]


def test_clean_holds_to_it_and_says_what_went(project: Project) -> None:
    for name, days in (("a", 9_999.0), ("b", 9_998.0)):
        disk(project, name, days)
    removed = clean(project, cache=False, runs=False)
    assert [line for line in removed if "over the budget" in line] == [
        f"{project.work / 'disks/a'} (616 MiB, over the budget)"
    ]


@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5"])
def test_a_budget_that_is_none_is_an_error(project: Project, value: str) -> None:
    (project.root / "imagekit.yaml").write_text(f"version: 1\nkeep: {{gib: {value}}}\n")
    done = imagekit(project.root, "config", "check")
    assert done.returncode == 2
    assert "imagekit.yaml" in done.stderr
