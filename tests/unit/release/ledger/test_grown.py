"""Which folders of a history are beginnings of today's: told by their ids, as git tells it by reading them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from imagekit.base.git import Git
from imagekit.release.ledger import witness
from imagekit.release.ledger.grown import grown_otherwise
from imagekit.release.ledger.witness import lost_files
from tests.support.project import commit, git, repository

pytestmark = pytest.mark.attack
DATE = "2026-11-22T12:00:00+00:00"
FOLDER = PurePosixPath("ledger")


@pytest.fixture(params=["sha1", "sha256"])
def work(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A ledger of four records, a commit each, with other files between."""

    def make(root: Path) -> None:
        _write(root, request.param)

    return repository(f"grown-{request.param}", tmp_path / "work", make)


def _write(root: Path, hashed: str) -> None:
    git(root, "init", "-q", "-b", "main", f"--object-format={hashed}")
    git(root, "config", "user.email", "ann@example.org")
    git(root, "config", "user.name", "Ann")
    (root / "README").write_text("x\n")
    commit(root, "before the ledger", DATE)
    for number in range(1, 5):
        record(root, number)
        (root / "README").write_text(f"{number}\n")
        commit(root, "beside it", DATE)


def record(root: Path, number: int, text: str = "") -> None:
    (root / "ledger").mkdir(exist_ok=True)
    (root / f"ledger/{number:06}.json").write_text(text or f"record {number}\n")
    commit(root, f"record {number}", DATE)


def taken_away(root: Path) -> None:
    git(root, "rm", "-q", "ledger/000004.json")
    commit(root, "cut", DATE)


def taken_from_the_middle(root: Path) -> None:
    git(root, "rm", "-q", "ledger/000002.json")
    commit(root, "cut", DATE)


def replaced(root: Path) -> None:
    record(root, 3, "another\n")


def all_taken_away(root: Path) -> None:
    git(root, "rm", "-q", "-r", "ledger")
    commit(root, "cut", DATE)


def added_and_taken_away(root: Path) -> None:
    """Between two commits that both have the ledger as it is today."""
    record(root, 5)
    git(root, "rm", "-q", "ledger/000005.json")
    commit(root, "cut", DATE)


def dropped_by_a_merge(root: Path) -> None:
    git(root, "switch", "-q", "-c", "side")
    record(root, 5)
    git(root, "switch", "-q", "main")
    git(root, "merge", "-q", "-s", "ours", "--no-ff", "-m", "merge", "side")


def in_a_folder_below(root: Path) -> None:
    (root / "ledger/x").mkdir()
    (root / "ledger/x/000009.json").write_text("x\n")
    commit(root, "below", DATE)
    git(root, "rm", "-q", "-r", "ledger/x")
    commit(root, "cut", DATE)


def a_file_first(root: Path) -> None:
    """Something that sorts before what is there: nothing is lost, and no older folder is a beginning any more."""
    (root / "ledger/000000.json").write_text("x\n")
    commit(root, "before all", DATE)


CHANGES: dict[Callable[[Path], None], set[str]] = {
    taken_away: {"ledger/000004.json"},
    taken_from_the_middle: {"ledger/000002.json"},
    replaced: {"ledger/000003.json"},
    all_taken_away: {f"ledger/00000{number}.json" for number in range(1, 5)},
    added_and_taken_away: {"ledger/000005.json"},
    dropped_by_a_merge: {"ledger/000005.json"},
    in_a_folder_below: {"ledger/x/000009.json"},
    a_file_first: set(),
}


def test_a_ledger_that_only_grew_has_no_other_folder(work: Path) -> None:
    assert grown_otherwise(Git(work), FOLDER) == []
    assert lost_files(Git(work), []) == []
    first = git(work, "rev-list", "--max-parents=0", "HEAD").strip()
    assert grown_otherwise(Git(work), FOLDER, first) == []


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("few", [50, 0], ids=["by their ids", "by git's own comparison"])
def test_what_was_lost_is_found_in_both_ways(
    work: Path, change: Callable[[Path], None], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness, "_FEW", few)
    change(work)
    assert {each.path for each in lost_files(Git(work), [])} == CHANGES[change]
    assert all(each.where.startswith("commit ") for each in lost_files(Git(work), []))


def test_what_was_lost_since_a_commit(work: Path) -> None:
    since = git(work, "rev-parse", "HEAD").strip()
    added_and_taken_away(work)
    assert {each.path for each in lost_files(Git(work), [], since)} == {"ledger/000005.json"}
    assert [tree for tree, _ in grown_otherwise(Git(work), FOLDER, since)] == [
        git(work, "rev-parse", "HEAD~1:ledger").strip()
    ]
