"""Two decisions from one commit conflict in git, and are repaired with git's own merges; a person's seal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.base.process import ProcessError
from imagekit.oci.reference import Digest
from imagekit.release.channel.errors import MoveRefusedError
from imagekit.release.channel.promote import promote
from imagekit.release.channel.repair import rebase, seal
from imagekit.release.channel.rollback import rollback
from imagekit.release.channel.yank import yank
from imagekit.release.ledger.record import Action, LedgerError
from imagekit.trust.sign.native import NativeSigner
from tests.support.images import fixed_key
from tests.support.project import commit, git
from tests.support.releasefixture import IMAGE, ReleaseFixture
from tests.support.releasestates import ReleaseStates
from tests.unit.release.channel.conftest import Publish

pytestmark = pytest.mark.attack


@pytest.fixture
def work(fixture: ReleaseFixture) -> Path:
    return fixture.root / "work"


def on(work: Path, branch: str, *, start: str = "") -> None:
    git(work, "switch", "-q", *(["-c", branch, start] if start else [branch]))


def merge(work: Path, branch: str) -> None:
    git(work, "merge", "-q", "--no-ff", "-m", f"merge {branch}", branch)


@pytest.fixture
def two(fixture: ReleaseFixture, publish: Publish, work: Path, states: ReleaseStates) -> tuple[Digest, Digest]:
    """One decision on each of two branches that start at one commit; the first is merged. On `second`."""

    def make() -> tuple[Digest, Digest]:
        digests = publish("v1"), publish("v2")
        promote(fixture.context(), fixture.source(digests[0]), "dev", image=IMAGE)
        start = git(work, "rev-parse", "HEAD").strip()
        on(work, "first", start=start)
        promote(fixture.context(), fixture.source(digests[1]), "dev", image=IMAGE)
        on(work, "second", start=start)
        promote(fixture.context(), fixture.source(digests[0]), "prod", image=IMAGE, reason="change 4711")
        on(work, "main")
        merge(work, "first")
        on(work, "second")
        return digests

    return states.begin("two", fixture, make)


def test_two_decisions_from_one_commit_conflict_in_git(two: tuple[Digest, Digest], work: Path) -> None:
    """D45: with the names of before git merged both without a word."""
    on(work, "main")
    with pytest.raises(ProcessError) as caught:
        merge(work, "second")
    assert "000002.json" in caught.value.stdout
    git(work, "merge", "--abort")


def test_the_second_is_made_again_and_merges(fixture: ReleaseFixture, two: tuple[Digest, Digest], work: Path) -> None:
    [old] = [item for item in fixture.context().chain().records if item.channel == "prod"]
    done = rebase(fixture.context(), "main")
    assert git(work, "status", "--porcelain") == ""
    [made] = done.made
    assert (made.sequence, made.channel, made.reason, made.actor) == (3, "prod", "change 4711", old.actor)
    assert fixture.context().channel("dev").images[IMAGE].version == "v2"
    assert [item.sequence for item in fixture.context().chain().records] == [1, 2, 3]
    on(work, "main")
    merge(work, "second")
    assert [item.channel for item in fixture.context().chain().records] == ["dev", "dev", "prod"]
    promote(fixture.context(), fixture.source(two[1]), "prod", image=IMAGE)


def test_a_squash_merge_of_the_repaired_branch_is_as_good(
    fixture: ReleaseFixture, two: tuple[Digest, Digest], work: Path
) -> None:
    rebase(fixture.context(), "main")
    on(work, "main")
    git(work, "merge", "-q", "--squash", "second")
    commit(work, "squashed", "2026-11-22T12:00:00+00:00")
    assert len(fixture.context().chain().records) == 3


def test_a_second_time_there_is_nothing_to_do(fixture: ReleaseFixture, two: tuple[Digest, Digest], work: Path) -> None:
    rebase(fixture.context(), "main")
    head = git(work, "rev-parse", "HEAD")
    assert rebase(fixture.context(), "main").made == ()
    assert git(work, "rev-parse", "HEAD") == head


def test_several_decisions_of_a_branch_keep_their_order(
    fixture: ReleaseFixture, two: tuple[Digest, Digest], work: Path, publish: Publish
) -> None:
    """Own variant: a promotion, a yank of something else, a rollback."""
    other = publish("v3")
    promote(fixture.context(), fixture.source(two[1]), "prod", image=IMAGE)
    yank(fixture.context(), fixture.source(other), image=IMAGE, reason="leaks", homes=[])
    rollback(fixture.context(), "prod", image=IMAGE, reason="bad")
    done = rebase(fixture.context(), "main")
    assert [item.action for item in done.made] == [Action.PROMOTE, Action.PROMOTE, Action.YANK, Action.ROLLBACK]
    on(work, "main")
    merge(work, "second")
    assert len(fixture.context().chain().records) == 6
    assert (work / "yanks" / f"{other.hex}.json").exists()
    assert [blocked.version for blocked in fixture.context().channel("prod").images[IMAGE].blocked] == ["v2"]


def test_two_that_an_older_imagekit_merged_are_repaired_on_main(
    fixture: ReleaseFixture, two: tuple[Digest, Digest], work: Path
) -> None:
    """D45 as it was found: two files number 2 on main, every command refuses; one commit repairs it."""
    old = replace(fixture.context().chain().records[1], first_format=True, basis=())
    git(work, "reset", "-q", "--hard", "HEAD^")
    path = work / "ledger" / old.file_name
    path.write_bytes(NativeSigner(fixed_key()).sign(old.statement().stamped(old.at)))
    commit(work, "as the code of then did it", "2026-11-22T12:00:00+00:00")
    on(work, "main")
    merge(work, "second")
    with pytest.raises(LedgerError, match="are both number 2") as caught:
        fixture.context().chain()
    assert "imagekit ledger rebase HEAD^1" in caught.value.hint
    [made] = rebase(fixture.context(), "HEAD^1").made
    assert (made.sequence, made.channel) == (3, "prod")
    assert [item.channel for item in fixture.context().chain().records] == ["dev", "dev", "prod"]


def test_what_was_yanked_meanwhile_is_not_made_again(
    fixture: ReleaseFixture, two: tuple[Digest, Digest], work: Path
) -> None:
    on(work, "main")
    yank(fixture.context(), fixture.source(two[0]), image=IMAGE, reason="leaks", homes=[])
    on(work, "second")
    head = git(work, "rev-parse", "HEAD")
    with pytest.raises(MoveRefusedError, match="yanked meanwhile"):
        rebase(fixture.context(), "main")
    assert git(work, "rev-parse", "HEAD") == head
    assert git(work, "status", "--porcelain") == ""


def test_a_channel_that_moved_meanwhile_is_decided_anew(
    fixture: ReleaseFixture, two: tuple[Digest, Digest], work: Path
) -> None:
    """Otherwise a rollback that was written for v3 would take back v4."""
    on(work, "main")
    promote(fixture.context(), fixture.source(two[1]), "prod", image=IMAGE)
    on(work, "second")
    with pytest.raises(MoveRefusedError, match="prod moved meanwhile to v2"):
        rebase(fixture.context(), "main")


def test_a_branch_with_other_changes_is_not_touched(
    fixture: ReleaseFixture, two: tuple[Digest, Digest], work: Path
) -> None:
    (work / "README").write_text("more\n")
    commit(work, "more", "2026-11-22T12:00:00+00:00")
    with pytest.raises(ConfigError, match="more than decisions: README"):
        rebase(fixture.context(), "main")


def test_a_name_like_an_option_is_a_name(fixture: ReleaseFixture, two: tuple[Digest, Digest]) -> None:
    with pytest.raises(ConfigError, match="no branch or commit '--help'"):
        rebase(fixture.context(), "--help")


def test_a_seal_lets_what_was_taken_away_stay_away(fixture: ReleaseFixture, publish: Publish, work: Path) -> None:
    first, second = publish("v1"), publish("v2")
    promote(fixture.context(), fixture.source(first), "dev", image=IMAGE)
    promote(fixture.context(), fixture.source(second), "dev", image=IMAGE)
    git(work, "revert", "--no-edit", "HEAD")
    with pytest.raises(LedgerError, match="was cut") as caught:
        fixture.context().chain()
    assert "imagekit ledger seal" in caught.value.hint
    head = fixture.context().emergency_chain()[0].entries[0].hash
    with pytest.raises(LedgerError, match="the last record is 1"):
        seal(fixture.context(), "0" * 12, reason="never shipped")
    done = seal(fixture.context(), head[:12], reason="never shipped")
    assert done.made[0].action is Action.SEAL
    assert fixture.context().chain().records[-1].reason == "never shipped"
    assert promote(fixture.context(), fixture.source(second), "dev", image=IMAGE).pointer.version == "v2"


def test_a_seal_mends_no_broken_chain(fixture: ReleaseFixture, publish: Publish, work: Path) -> None:
    for version in ("v1", "v2"):
        promote(fixture.context(), fixture.source(publish(version)), "dev", image=IMAGE)
    head = fixture.context().chain().head
    git(work, "rm", "-q", "ledger/000001.json")
    git(work, "commit", "-qm", "gone")
    with pytest.raises(LedgerError, match="expected here is number 1"):
        seal(fixture.context(), head[:12], reason="x")


def test_what_is_blocked_meanwhile_does_not_come_back_by_a_rebase(
    fixture: ReleaseFixture, publish: Publish, work: Path
) -> None:
    """The channel stands where the branch began, so it had not moved; meanwhile it was rolled back from that digest."""
    one, two = publish("v1"), publish("v2")
    promote(fixture.context(), fixture.source(one), "prod", image=IMAGE)
    on(work, "mine", start="main")
    promote(fixture.context(), fixture.source(two), "prod", image=IMAGE)
    on(work, "main")
    promote(fixture.context(), fixture.source(two), "prod", image=IMAGE)
    rollback(fixture.context(), "prod", image=IMAGE, reason="bad")
    on(work, "mine")
    with pytest.raises(MoveRefusedError, match="prod was rolled back from it"):
        rebase(fixture.context(), "main")
