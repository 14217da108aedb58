"""The ledger's repository: one commit or none, whoever else works there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from imagekit.base.errors import ConfigError, ToolError
from imagekit.base.process import Completed, run
from imagekit.base.space import NoSpaceError
from imagekit.release.ledger.store import LedgerBusyError, LedgerStore
from tests.support.project import commit, git
from tests.support.smalldisk import fill, small_disk

FILE = PurePosixPath("channels/dev.yaml")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return repository(tmp_path / "work")


def repository(folder: Path) -> Path:
    """A git repository of one commit."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.email", "ann@example.org")
    git(folder, "config", "user.name", "Ann")
    (folder / "other").write_text("1\n")
    commit(folder, "first", "2026-11-22T12:00:00+00:00")
    return folder


def test_a_commit_holds_exactly_the_files_and_leaves_the_rest_alone(root: Path) -> None:
    (root / "other").write_text("2, not committed\n")
    store = LedgerStore(root)
    made = store.commit({FILE: b"version: 1\n"}, "promote: x\n\nbody")
    assert git(root, "show", "--name-only", "--format=%s", made).split() == ["promote:", "x", "channels/dev.yaml"]
    assert git(root, "rev-parse", "main").strip() == made
    assert (root / FILE).read_bytes() == b"version: 1\n" == store.read(FILE)
    assert git(root, "status", "--porcelain").strip() == "M other"
    assert (root / "other").read_text() == "2, not committed\n"


def test_a_file_can_be_removed(root: Path) -> None:
    store = LedgerStore(root)
    store.commit({FILE: b"x\n"}, "add")
    store.commit({FILE: None}, "remove")
    assert store.read(FILE) is None
    assert not (root / FILE).exists()
    assert git(root, "status", "--porcelain") == ""


def test_a_file_with_changes_is_not_overwritten(root: Path) -> None:
    store = LedgerStore(root)
    store.commit({FILE: b"x\n"}, "add")
    (root / FILE).write_text("by hand\n")
    with pytest.raises(ConfigError, match="not committed"):
        store.commit({FILE: b"y\n"}, "again")
    assert (root / FILE).read_text() == "by hand\n"


class Killed(BaseException):
    """Stands for kill -9: nothing is cleaned up after it."""


def killed_at(store: LedgerStore, word: str, content: bytes | None) -> None:
    """A commit whose process ends, as it were, before git is asked for this about the working tree."""

    def dying(argv: Sequence[str], **options: Any) -> Completed:
        if word in argv and "GIT_INDEX_FILE" not in options["env"]:
            raise Killed
        return run(argv, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("imagekit.base.git.run", dying)
        with pytest.raises(Killed):
            store.commit({FILE: content}, "again")


@pytest.mark.attack
@pytest.mark.parametrize("content", [b"y\n", None], ids=["changed", "removed"])
def test_killed_between_branch_and_working_tree(root: Path, content: bytes | None) -> None:
    store = LedgerStore(root)
    store.commit({FILE: b"x\n"}, "add")
    killed_at(store, "checkout" if content else "rm", content)
    (root / "other").write_text("2, not committed\n")
    with store.locked():
        assert git(root, "status", "--porcelain").strip() == "M other"
        assert store.read(FILE) == content
        store.commit({FILE: b"z\n"}, "and again")
    assert not (root / ".git" / "imagekit-pending").exists()


@pytest.mark.attack
def test_what_was_edited_since_a_kill_is_not_overwritten(root: Path) -> None:
    store = LedgerStore(root)
    store.commit({FILE: b"x\n"}, "add")
    killed_at(store, "checkout", b"y\n")
    (root / FILE).write_text("by hand\n")
    with store.locked(), pytest.raises(ConfigError, match="not committed"):
        store.commit({FILE: b"z\n"}, "and again")
    assert (root / FILE).read_text() == "by hand\n"


@pytest.mark.attack
def test_killed_before_the_branch_moved_leaves_nothing(root: Path) -> None:
    store = LedgerStore(root)
    store.commit({FILE: b"x\n"}, "add")
    killed_at(store, "update-ref", b"y\n")
    with store.locked():
        assert (root / FILE).read_bytes() == b"x\n" == store.read(FILE)
        assert git(root, "status", "--porcelain") == ""
    assert not (root / ".git" / "imagekit-pending").exists()


@pytest.mark.attack
def test_a_full_disk_is_said_and_nothing_is_decided(root: Path) -> None:
    store = LedgerStore(root)
    store.commit({FILE: b"x\n"}, "add")
    head = git(root, "rev-parse", "HEAD")

    def full(argv: Sequence[str], **options: Any) -> Completed:
        if "hash-object" in argv:
            return Completed(tuple(argv), 128, "", "fatal: unable to write file: No space left on device\n")
        return run(argv, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("imagekit.base.git.run", full)
        with pytest.raises(ToolError, match=f"{root}.*No space left on device"):
            store.commit({FILE: b"y\n"}, "again")
    assert git(root, "rev-parse", "HEAD") == head
    assert git(root, "status", "--porcelain") == ""
    assert not list((root / ".git").glob("imagekit-*"))


def test_a_remote_that_moved_on_refuses_and_nothing_changes_here(root: Path, tmp_path: Path) -> None:
    hub, other = tmp_path / "hub.git", tmp_path / "other"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(hub))
    git(root, "remote", "add", "origin", str(hub))
    git(root, "push", "-q", "origin", "main")
    git(tmp_path, "clone", "-q", str(hub), str(other))
    LedgerStore(other, push="origin").commit({FILE: b"first\n"}, "they were first")
    before = git(root, "rev-parse", "HEAD")
    with pytest.raises(LedgerBusyError, match="did not take the commit") as caught:
        LedgerStore(root, push="origin").commit({FILE: b"second\n"}, "we came second")
    assert "git pull" in caught.value.hint
    assert git(root, "rev-parse", "HEAD") == before
    assert not (root / FILE).exists()
    git(root, "pull", "-q", "origin", "main")
    LedgerStore(root, push="origin").commit({FILE: b"second\n"}, "now it goes")
    assert git(hub, "show", "main:channels/dev.yaml") == "second\n"


def test_one_at_a_time_on_a_machine(root: Path) -> None:
    busy = pytest.raises(LedgerBusyError, match="another process")
    with LedgerStore(root).locked(), busy, LedgerStore(root).locked(seconds=0):
        pass


def test_a_folder_without_git_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no git repository"):
        LedgerStore(tmp_path).read(FILE)


def test_only_json_files_of_the_ledger_are_records(root: Path) -> None:
    store = LedgerStore(root)
    store.commit({PurePosixPath("ledger/README.md"): b"# hello\n"}, "readme")
    assert list(store._files()) == []


@pytest.mark.attack
@pytest.mark.parametrize("left", [0, 8, 16, 32], ids=lambda left: f"{left} KiB left")
def test_a_disk_that_is_really_full(tmp_path: Path, left: int) -> None:
    """Whichever of git's writes is the first without space: nothing or all of it is decided, and a rerun completes."""
    with small_disk(tmp_path / "disk", 4) as disk:
        root = repository(disk / "work")
        store = LedgerStore(root)
        store.commit({FILE: b"x\n"}, "add")
        taken = fill(disk, leave=left)
        wanted = {FILE: b"y\n", PurePosixPath("ledger/1.json"): bytes(60_000)}
        with (
            pytest.raises(NoSpaceError, match=rf"{root}, where 0 MiB are free: No space left on device"),
            store.locked(),
        ):
            store.commit(wanted, "again")
        taken.unlink()
        git(root, "fsck", "--strict")
        with store.locked():
            assert store.read(FILE) in (b"x\n", b"y\n")
            store.commit(wanted, "again")
        assert store.read(FILE) == b"y\n" == (root / FILE).read_bytes()
        assert git(root, "status", "--porcelain") == ""
        assert not list((root / ".git").glob("imagekit-index*"))


@pytest.mark.attack
def test_a_disk_that_fills_up_after_the_remote_took_the_commit(root: Path, tmp_path: Path) -> None:
    """The remote has it, so it is decided: the next command brings the branch there, instead of being refused."""
    hub = tmp_path / "hub.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(hub))
    git(root, "remote", "add", "origin", str(hub))
    git(root, "push", "-q", "origin", "main")
    store = LedgerStore(root, push="origin")

    def full(argv: Sequence[str], **options: Any) -> Completed:
        if "update-ref" in argv:
            return Completed(tuple(argv), 128, "", "fatal: unable to write main.lock: No space left on device\n")
        return run(argv, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("imagekit.base.git.run", full)
        with pytest.raises(NoSpaceError, match=f"{root}"):
            store.commit({FILE: b"y\n"}, "add")
    assert git(hub, "show", f"main:{FILE}") == "y\n"
    with store.locked():
        assert store.read(FILE) == b"y\n" == (root / FILE).read_bytes()
        store.commit({FILE: b"z\n"}, "and again")
    assert git(hub, "show", f"main:{FILE}") == "z\n"


@pytest.fixture
def hub(root: Path, tmp_path: Path) -> Path:
    """A remote with the branch main, which `root` follows."""
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "hub.git")
    git(root, "remote", "add", "origin", str(tmp_path / "hub.git"))
    git(root, "push", "-q", "origin", "main")
    return tmp_path / "hub.git"


@pytest.mark.attack
@pytest.mark.parametrize("branch", ["", "main"], ids=["the remote's default", "named"])
def test_two_clones_on_two_branches_cannot_both_win(root: Path, hub: Path, branch: str) -> None:
    """D32: each pushed to the branch of its own name, and both were told that they had decided."""
    git(root, "switch", "-q", "-c", "other")
    store = LedgerStore(root, push="origin", branch=branch)
    with pytest.raises(LedgerBusyError, match="decisions go to main of origin, and other is checked out"):
        store.commit({FILE: b"x\n"}, "on my own branch")
    with pytest.raises(LedgerBusyError, match="decisions go to main"), store.locked():
        pass
    assert "other" not in git(hub, "branch")
    git(root, "switch", "-q", "main")
    store.commit({FILE: b"x\n"}, "on the branch of all")
    assert git(hub, "show", f"main:{FILE}") == "x\n"


@pytest.mark.attack
def test_a_named_branch_is_not_the_default_one(root: Path, hub: Path) -> None:
    """Own variant: main is checked out, and the decisions go to another branch."""
    with pytest.raises(LedgerBusyError, match="decisions go to releases of origin, and main is checked out"):
        LedgerStore(root, push="origin", branch="releases").commit({FILE: b"x\n"}, "x")


@pytest.mark.attack
def test_a_detached_head_decides_nothing(root: Path) -> None:
    git(root, "switch", "-q", "--detach", "HEAD")
    with pytest.raises(ConfigError, match="no branch is checked out"):
        LedgerStore(root).commit({FILE: b"x\n"}, "x")
