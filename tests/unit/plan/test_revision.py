"""The revision of the sources: the same in every clone that has the commit, refused in one that lacks it (W4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.base.process import run
from imagekit.config.load import load_project
from imagekit.plan.resolve import make_plan
from imagekit.plan.revision import Inputs, read_source
from tests.support.project import commit, git, make_project


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A project whose newest three commits touch nothing that an image is made of."""
    root = make_project(tmp_path / "origin")
    for number in range(3):
        (root / "README.md").write_text(f"{number}\n")
        commit(root, f"docs {number}", f"2026-11-2{number + 3}T12:00:00+00:00")
    return root


def shallow(origin: Path, depth: int) -> Path:
    clone = origin.with_name(f"depth-{depth}")
    run(["git", "clone", "-q", f"--depth={depth}", f"file://{origin}", clone], timeout=20)
    return clone


def plan_id(root: Path) -> str:
    return make_plan(load_project(root), "small-node").id


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_history_that_is_cut_too_early_is_refused(origin: Path, depth: int) -> None:
    """Each of these had a version and a plan id of its own, with exit code 0."""
    with pytest.raises(ConfigError, match="shallow clone") as caught:
        plan_id(shallow(origin, depth))
    assert "git fetch --unshallow" in caught.value.hint


def test_a_clone_that_is_deep_enough_has_the_same_id(origin: Path) -> None:
    assert plan_id(shallow(origin, 5)) == plan_id(origin)


def test_the_last_change_may_lie_right_above_the_cut(origin: Path) -> None:
    """With its parent at hand a commit is known to have made the change; the parent's history does not matter."""
    dockerfile = origin / "images/extra/Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + "RUN true\n")
    standin = origin / "images/base/Dockerfile"
    standin.write_text(standin.read_text() + "RUN true\n")
    for layer in ("distro", "standin", "scripts", "stamp"):
        (origin / "images" / layer / "note").write_text("x\n")
    commit(origin, "everything", "2026-11-27T12:00:00+00:00")
    clone = shallow(origin, 2)
    assert plan_id(clone) == plan_id(origin)


def test_the_cut_of_one_branch_does_not_matter_to_the_other(origin: Path) -> None:
    """A merge whose other side was cut: what the whole clone finds is found here too, or nothing is."""
    git(origin, "checkout", "-q", "-b", "side")
    extra = origin / "images/extra/Dockerfile"
    extra.write_text(extra.read_text() + "RUN side\n")
    commit(origin, "side", "2026-11-27T12:00:00+00:00")
    git(origin, "checkout", "-q", "main")
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    git(origin, *who, "merge", "-q", "--no-ff", "-m", "merge", "side")
    with pytest.raises(ConfigError, match="shallow clone"):
        plan_id(shallow(origin, 2))


def test_a_clone_that_was_completed_is_taken(origin: Path) -> None:
    clone = shallow(origin, 1)
    run(["git", "fetch", "-q", "--unshallow"], timeout=20, cwd=clone)
    assert plan_id(clone) == plan_id(origin)


def test_a_repository_without_a_commit_is_not_called_no_checkout(tmp_path: Path) -> None:
    run(["git", "init", "-q"], timeout=20, cwd=tmp_path)
    with pytest.raises(ConfigError, match="has no commit yet"):
        read_source(tmp_path, Inputs(dated=("images",), committed=("images",)))


def test_without_git_it_is_git_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an image of the tool without git a checkout was told to be none."""
    root = make_project(tmp_path / "project")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    inputs = Inputs(dated=("images",), committed=("images",))
    with pytest.raises(ConfigError, match="git is not installed") as caught:
        read_source(root, inputs)
    assert "Install git" in (caught.value.hint or "")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1760000000")
    assert read_source(root, inputs).revision == "unknown"
