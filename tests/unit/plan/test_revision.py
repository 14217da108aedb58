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


INPUTS = Inputs(dated=("images",), committed=("images",))


def test_the_first_commit_of_all_is_no_cut(tmp_path: Path) -> None:
    """The first push of a new project, in CI: git lists a root commit as shallow although nothing is below it."""
    root = make_project(tmp_path / "origin")
    first = git(root, "rev-list", "--max-parents=0", "HEAD").strip()
    git(root, "checkout", "-q", "--detach", first)
    clone = shallow(root, 1)
    assert (clone / ".git/shallow").read_text().strip() == first
    assert read_source(clone, INPUTS) == read_source(root, INPUTS)


@pytest.mark.parametrize(
    "setting",
    ["log.showSignature", "log.follow", "color.ui=always", "status.branch", "status.showUntrackedFiles=no"],
)
def test_what_people_set_for_their_own_eyes_changes_nothing(origin: Path, setting: str) -> None:
    """With signed commits and log.showSignature git prints what gpg says among the rest."""
    key = origin.with_name("key")
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], timeout=20)
    (origin / "images/base/signed").write_text("1")
    git(origin, "add", "-A")
    git(origin, "-c", "gpg.format=ssh", "-c", f"user.signingKey={key}.pub", "commit", "-q", "-S", "-m", "signed")
    before = read_source(origin, INPUTS)
    git(origin, "config", *((setting.split("=")) if "=" in setting else (setting, "true")))
    assert read_source(origin, INPUTS) == before
    (origin / "images/base/new").write_text("in the image, in no commit")
    assert read_source(origin, INPUTS).revision == f"{before.revision}-dirty"


def test_what_git_ignores_is_in_the_image_and_in_no_commit(origin: Path) -> None:
    """A gitignore of the user's own (`*.pem`): another clone lacks the file, so the commit is not what was built."""
    (origin / ".git/info/exclude").write_text("*.pem\n__pycache__/\n")
    cached = origin / "images/base/__pycache__"
    cached.mkdir()
    (cached / "x.pyc").write_text("")
    assert not read_source(origin, INPUTS).revision.endswith("-dirty")
    (origin / "images/base/corp.pem").write_text("an authority")
    assert read_source(origin, INPUTS).revision.endswith("-dirty")


def test_line_ends_that_git_made_are_refused(origin: Path) -> None:
    """core.autocrlf, as Git for Windows sets it: git calls such a checkout clean."""
    (origin / "images/base/lines").write_text("a\nb\n")
    commit(origin, "a file of lines", "2026-11-27T12:00:00+00:00")
    run(
        ["git", "-c", "core.autocrlf=true", "clone", "-q", "-c", "core.autocrlf=true", origin, "crlf"],
        timeout=20,
        cwd=origin.parent,
    )
    clone = origin.with_name("crlf")
    assert (clone / "images/base/lines").read_bytes() == b"a\r\nb\r\n"
    with pytest.raises(
        ConfigError, match=r"images/base/.*: its lines end with CR LF, and in its commit with LF"
    ) as caught:
        read_source(clone, INPUTS)
    assert "core.autocrlf false" in caught.value.hint
    for words in (("config", "core.autocrlf", "false"), ("rm", "-r", "-q", "--cached", "."), ("reset", "-q", "--hard")):
        git(clone, *words)
    assert read_source(clone, INPUTS) == read_source(origin, INPUTS)


def test_line_ends_that_the_commit_has_are_its_own(origin: Path) -> None:
    (origin / "images/base/windows.ini").write_bytes(b"[a]\r\nb=c\r\n")
    (origin / "images/base/meant.bat").write_bytes(b"rem\n")
    (origin / ".gitattributes").write_text("*.bat text eol=crlf\n")
    commit(origin, "files with CR LF", "2026-11-27T12:00:00+00:00")
    git(origin, "rm", "-r", "-q", "--cached", ".")
    git(origin, "reset", "-q", "--hard")
    assert (origin / "images/base/meant.bat").read_bytes() == b"rem\r\n"
    assert not read_source(origin, INPUTS).revision.endswith("-dirty")


def test_a_partial_clone_without_its_remote_is_not_called_no_checkout(origin: Path) -> None:
    git(origin, "config", "uploadpack.allowFilter", "true")
    run(["git", "clone", "-q", "--filter=tree:0", f"file://{origin}", "partial"], timeout=20, cwd=origin.parent)
    clone = origin.with_name("partial")
    git(clone, "remote", "set-url", "origin", "/no/such")
    with pytest.raises(ConfigError, match=r"git could not tell \(fatal: .*/no/such") as caught:
        read_source(clone, INPUTS)
    assert "partial clone" in caught.value.hint


@pytest.mark.parametrize("said", ["yesterday", "99999999999999", "-1", "1.5"])
def test_a_date_that_is_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", said)
    with pytest.raises(ConfigError, match=f"SOURCE_DATE_EPOCH={said} is no number of seconds"):
        read_source(tmp_path, INPUTS)
