"""The ledger's edges: channel files altered field by field, an end that is cut off, emergencies, what decided."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.oci.reference import Digest
from imagekit.release.channel.context import ReleaseContext
from imagekit.release.channel.errors import MoveRefusedError
from imagekit.release.channel.history import stays, until
from imagekit.release.channel.promote import promote
from imagekit.release.channel.rollback import rollback
from imagekit.release.channel.yank import yank
from imagekit.release.ledger.basis import Basis, read_basis
from imagekit.release.ledger.record import LedgerError
from tests.support.project import commit, git
from tests.support.releasefixture import IMAGE, NOW, ReleaseFixture
from tests.support.releasestates import ReleaseStates
from tests.unit.release.channel.conftest import Publish

pytestmark = pytest.mark.attack
DATE = "2026-11-22T12:00:00+00:00"


@pytest.fixture
def work(fixture: ReleaseFixture) -> Path:
    return fixture.root / "work"


@pytest.fixture
def rolled(fixture: ReleaseFixture, publish: Publish, states: ReleaseStates) -> tuple[Digest, Digest]:
    """prod was rolled back from v2 to v1."""

    def make() -> tuple[Digest, Digest]:
        digests = publish("v1"), publish("v2")
        for digest in digests:
            promote(fixture.context(), fixture.source(digest), "prod", image=IMAGE)
        rollback(fixture.context(), "prod", image=IMAGE, reason="bad")
        return digests

    return states.begin("rolled", fixture, make)


def edit(work: Path, change: Callable[[str], str], name: str = "prod") -> None:
    path = work / "channels" / f"{name}.yaml"
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before
    commit(work, "by hand", DATE)


FIELDS: dict[str, tuple[Callable[[str], str], str]] = {
    "reference": (lambda text: text.replace('reference: "127.0.0.1', 'reference: "evil.example'), "reference is"),
    "repository": (lambda text: text.replace("imagekit/prod/node@", "imagekit/pr0d/node@"), "reference is"),
    "version": (lambda text: text.replace('version: "v1"', 'version: "v9"'), "version is"),
    "since": (lambda text: re.sub(r'since: "2026', 'since: "2020', text), "since is"),
    "blocked": (
        lambda text: text[: text.index("    blocked:")],
        r"blocked is \[\], and record 3 says \[v2 since record 3\]",
    ),
    "blocked reason": (lambda text: text.replace('reason: "bad"', 'reason: "fine"'), "blocked is"),
    "blocked digest": (lambda text: re.sub(r'- digest: "sha256:....', '- digest: "sha256:0000', text), "blocked is"),
    "record": (
        lambda text: text.replace("    record: 3\n    record_hash", "    record: 2\n    record_hash"),
        "another",
    ),
    "anchor": (lambda text: re.sub(r"ledger:\n  records: 3\n  head: .*\n", "", text), "does not say where the ledger"),
    "anchored earlier": (lambda text: text.replace("  records: 3\n", "  records: 2\n"), "another record 2"),
    "another image": (lambda text: text.replace("  node:\n", "  edge:\n"), "no record says so"),
    "not YAML": (lambda text: text + "}\n", "cannot be read"),
}


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_of_a_channel_file_comes_from_the_records(
    fixture: ReleaseFixture, rolled: tuple[Digest, Digest], work: Path, name: str
) -> None:
    """D2: altered and committed, and said so by name; nobody promotes on it."""
    change, reported = FIELDS[name]
    edit(work, change)
    with pytest.raises(LedgerError, match=reported):
        fixture.context().chain()
    with pytest.raises(LedgerError, match=reported):
        promote(fixture.context(), fixture.source(rolled[1]), "prod", image=IMAGE)


def test_every_channel_file_names_the_end_of_the_ledger(fixture: ReleaseFixture, publish: Publish, work: Path) -> None:
    first, second = publish("v1"), publish("v2")
    for channel in ("dev", "prod"):
        promote(fixture.context(), fixture.source(first), channel, image=IMAGE)
    yank(fixture.context(), fixture.source(second), image=IMAGE, reason="leaks", homes=[])
    chain = fixture.context().chain()
    for channel in ("dev", "prod"):
        anchor = fixture.context().channel(channel).ledger
        assert anchor is not None
        assert (anchor.records, anchor.head) == (3, chain.head)


def test_a_channel_that_the_policy_dropped_is_still_read(
    fixture: ReleaseFixture, rolled: tuple[Digest, Digest]
) -> None:
    context = replace(fixture.context(), repositories={"dev": fixture.context().repositories["dev"]})
    assert len(context.chain().records) == 3


@pytest.mark.parametrize("taken", ["yank", "rollback"])
def test_a_reverted_decision_is_named(
    fixture: ReleaseFixture, rolled: tuple[Digest, Digest], work: Path, taken: str
) -> None:
    """D25: `git revert` takes record, file and denial, and all that is left agrees with itself; no key is needed."""
    if taken == "yank":
        yank(fixture.context(), fixture.source(rolled[1]), image=IMAGE, reason="leaks", homes=[])
    git(work, "revert", "--no-edit", "HEAD")
    with pytest.raises(LedgerError, match=r"was cut: commit .* has ledger/00000[34]\.json"):
        fixture.context().chain()
    with pytest.raises(LedgerError, match="was cut"):
        promote(fixture.context(), fixture.source(rolled[1]), "prod", image=IMAGE, release=True)
    git(work, "revert", "--no-edit", "HEAD")
    assert fixture.context().chain().entries


def test_a_denial_that_was_taken_out_alone_is_named(fixture: ReleaseFixture, publish: Publish, work: Path) -> None:
    digest = publish("v1")
    yank(fixture.context(), fixture.source(digest), image=IMAGE, reason="leaks", homes=[])
    git(work, "rm", "-q", f"yanks/{digest.hex}.json")
    git(work, "commit", "-qm", "tidy up")
    with pytest.raises(LedgerError, match=f"yanks/{digest.hex}.json"):
        fixture.context().chain()


def test_yanking_again_brings_the_denial_back(fixture: ReleaseFixture, publish: Publish, work: Path) -> None:
    """The very bytes, out of git's history: the record stands, and one commit makes the ledger whole again."""
    digest = publish("v1")
    yank(fixture.context(), fixture.source(digest), image=IMAGE, reason="leaks", homes=[])
    file = work / f"yanks/{digest.hex}.json"
    before = file.read_bytes()
    git(work, "rm", "-q", str(file))
    git(work, "commit", "-qm", "tidy up")
    again = yank(fixture.context(), fixture.source(digest), image=IMAGE, reason="leaks", homes=[])
    assert again.signed is None, "no second record"
    assert again.commit
    assert file.read_bytes() == before
    assert len(fixture.context().chain().records) == 1


@pytest.mark.parametrize("instead", [b"", b"{}", b"no denial"])
def test_yanking_again_replaces_what_is_no_denial(
    fixture: ReleaseFixture, publish: Publish, work: Path, instead: bytes
) -> None:
    """What stood there meanwhile stays in the history, for a person to look at and to seal."""
    digest = publish("v1")
    yank(fixture.context(), fixture.source(digest), image=IMAGE, reason="leaks", homes=[])
    file = work / f"yanks/{digest.hex}.json"
    before = file.read_bytes()
    file.write_bytes(instead)
    git(work, "commit", "-qam", "tidy up")
    yank(fixture.context(), fixture.source(digest), image=IMAGE, reason="leaks", homes=[])
    assert file.read_bytes() == before
    with pytest.raises(LedgerError, match="was cut"):
        fixture.context().chain()


def test_a_merge_that_drops_a_decision_is_named(
    fixture: ReleaseFixture, rolled: tuple[Digest, Digest], work: Path
) -> None:
    """Own variant: no commit deletes anything; a merge takes the tree of the side that never had it."""
    git(work, "switch", "-q", "-c", "side", "HEAD^")
    (work / "README").write_text("more\n")
    commit(work, "more", DATE)
    git(work, "merge", "-q", "-s", "ours", "-m", "merge", "main")
    with pytest.raises(LedgerError, match="was cut"):
        fixture.context().chain()


def test_an_end_that_is_replaced_is_named(fixture: ReleaseFixture, rolled: tuple[Digest, Digest], work: Path) -> None:
    """Own variant: reverted, and another decision put in its place."""
    git(work, "revert", "--no-edit", "HEAD")
    other = fixture.context()
    kept = (work / "ledger" / "000002.json").read_bytes()
    chain = other.store.claims(other.records)
    assert chain.next_sequence == 4, "what git still has keeps its number"
    (work / "ledger" / "000003.json").write_bytes(kept)
    commit(work, "another", DATE)
    with pytest.raises(LedgerError):
        fixture.context().chain()


def test_the_remote_knows_more(
    fixture: ReleaseFixture, rolled: tuple[Digest, Digest], work: Path, tmp_path: Path
) -> None:
    """Own variant: the history itself is cut (`git reset --hard`); the remote's branch has it."""
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "hub.git")
    git(work, "remote", "add", "origin", str(tmp_path / "hub.git"))
    git(work, "push", "-q", "-u", "origin", "main")
    git(work, "reset", "-q", "--hard", "HEAD^")
    with pytest.raises(LedgerError, match=r"was cut: refs/remotes/origin/main has ledger/000003\.json") as caught:
        fixture.context().chain()
    assert "git pull" in caught.value.hint


def test_what_this_clone_saw_is_said_when_nothing_else_knows(
    fixture: ReleaseFixture, rolled: tuple[Digest, Digest], work: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fixture.context().chain()
    git(work, "reset", "-q", "--hard", "HEAD^")
    fixture.context().chain()
    assert "has seen 3 records on main, now there are 2" in caplog.text


def test_a_shallow_clone_says_that_it_cannot_tell(
    fixture: ReleaseFixture, rolled: tuple[Digest, Digest], work: Path, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{work}", str(tmp_path / "shallow"))
    context = fixture.context()
    with pytest.raises(LedgerError, match="shallow clone"):
        replace(context, store=replace(context.store, root=tmp_path / "shallow")).chain()


def test_rollback_and_yank_go_on_with_a_broken_ledger_and_say_so(
    fixture: ReleaseFixture,
    rolled: tuple[Digest, Digest],
    work: Path,
    caplog: pytest.LogCaptureFixture,
    publish: Publish,
) -> None:
    """D1: the emergency path, recorded, with the numbers that come after all that is known."""
    third = publish("v3")
    promote(fixture.context(), fixture.source(third), "prod", image=IMAGE)
    edit(work, lambda text: text.replace("127.0.0.1", "evil.example"))
    with pytest.raises(LedgerError):
        promote(fixture.context(), fixture.source(third), "dev", image=IMAGE)
    done = yank(fixture.context(), fixture.source(third), image=IMAGE, reason="leaks", homes=[])
    assert done.signed is not None
    assert "reference is" in done.signed.record.emergency
    assert "WARNING: the ledger does not verify" in caplog.text
    assert "EMERGENCY" in git(work, "log", "-1", "--format=%B")
    moved = rollback(fixture.context(), "prod", image=IMAGE, reason="leaks")
    assert moved.pointer.version == "v1"
    assert [item.sequence for item in fixture.context().chain().records] == [1, 2, 3, 4, 5, 6]
    assert fixture.context().channel("prod").images[IMAGE].reference.startswith("127.0.0.1")


def test_an_emergency_after_a_cut_takes_the_number_after_what_was_cut(
    fixture: ReleaseFixture, rolled: tuple[Digest, Digest], work: Path
) -> None:
    git(work, "revert", "--no-edit", "HEAD")
    done = yank(fixture.context(), fixture.source(rolled[1]), image=IMAGE, reason="leaks", homes=[])
    assert done.signed is not None
    assert done.signed.record.sequence == 4
    git(work, "checkout", "-q", "HEAD~2", "--", "ledger/000003.json")
    (work / "channels/prod.yaml").write_bytes(restored(fixture.context()))
    commit(work, "put back", DATE)
    assert len(fixture.context().chain().records) == 4


def restored(context: ReleaseContext) -> bytes:
    from imagekit.release.channel.history import anchor_of, replay
    from imagekit.release.channel.model import ChannelFile, to_yaml
    from imagekit.release.ledger.chain import read_chain

    files = [(path.name, path.read_bytes()) for path in (context.store.root / "ledger").glob("*.json")]
    chain = read_chain(files, context.records)
    return to_yaml(ChannelFile(channel="prod", ledger=anchor_of(chain), images=replay(chain)["prod"]))


def test_a_rollback_to_what_is_blocked_needs_release(
    fixture: ReleaseFixture, rolled: tuple[Digest, Digest], publish: Publish
) -> None:
    """Weak point of the findings: `rollback --to` was a way round --release."""
    home = fixture.context().home("prod", IMAGE)
    with pytest.raises(MoveRefusedError, match=r"was rolled back from v2 \(record 3\): bad") as caught:
        rollback(fixture.context(), "prod", image=IMAGE, to=home.at(rolled[1]), reason="x")
    assert "--release" in caught.value.hint
    moved = rollback(fixture.context(), "prod", image=IMAGE, to=home.at(rolled[1]), reason="x", release=True)
    assert moved.pointer.version == "v2"


def test_the_record_holds_what_it_was_decided_by(fixture: ReleaseFixture, publish: Publish, work: Path) -> None:
    (work / "policy.yaml").write_text("policy\n")
    (work / "trust.yaml").write_text("trust\n")
    head = git(work, "rev-parse", "HEAD").strip()
    names = ("policy.yaml", "trust.yaml", "waivers/x.json")

    def context() -> ReleaseContext:
        return replace(fixture.context(), basis=lambda _digest: read_basis(work, names))

    source = fixture.source(publish("v1"))
    before = fixture.simulator.snapshot()
    with pytest.raises(ConfigError, match=r"policy\.yaml, trust\.yaml: not as git's HEAD has it"):
        promote(context(), source, "dev", image=IMAGE)
    assert fixture.simulator.snapshot() == before
    commit(work, "policy", DATE)
    promote(context(), source, "dev", image=IMAGE)
    [record] = context().chain().records
    said = dict(record.basis)
    assert said["policy.yaml"] == str(Digest.of(b"policy\n"))
    assert said["trust.yaml"] == str(Digest.of(b"trust\n"))
    assert git(work, "rev-parse", f"{said['git commit']}^").strip() == head


@pytest.mark.parametrize("change", ["edited", "removed", "added", "ignored"])
def test_words_that_nobody_committed_decide_nothing(work: Path, change: str) -> None:
    """Three ways that `git status` may be made not to tell are among them."""
    (work / "policy.yaml").write_text("policy\n")
    commit(work, "policy", DATE)
    match change:
        case "edited":
            (work / "policy.yaml").write_text("lax\n")
            git(work, "update-index", "--assume-unchanged", "policy.yaml")
        case "removed":
            (work / "policy.yaml").unlink()
        case "added":
            (work / "trust.yaml").write_text("trust\n")
        case "ignored":
            (work / ".gitignore").write_text("trust.yaml\n")
            (work / "trust.yaml").write_text("trust\n")
    with pytest.raises(ConfigError, match="not as git's HEAD has it"):
        read_basis(work, ("policy.yaml", "trust.yaml")).require_committed()


def test_an_emergency_is_decided_by_what_is_there_and_says_so(
    fixture: ReleaseFixture, rolled: tuple[Digest, Digest], caplog: pytest.LogCaptureFixture
) -> None:
    context = replace(fixture.context(), basis=lambda _digest: Basis(uncommitted=("policy.yaml",)))
    done = yank(context, fixture.source(rolled[1]), image=IMAGE, reason="leaks", homes=[])
    assert done.signed is not None
    assert done.signed.record.emergency == "not as committed: policy.yaml"
    assert "WARNING: not as committed: policy.yaml" in caplog.text


def test_the_soak_of_what_was_taken_back_is_over(fixture: ReleaseFixture, publish: Publish) -> None:
    """D5: rolled back from dev; let in again it begins anew; a version that another follows keeps its time."""
    first, second = publish("v1"), publish("v2")
    for digest in (first, second):
        promote(fixture.context(), fixture.source(digest), "dev", image=IMAGE)
    stay = stays(fixture.context().chain().records, first)["dev"]
    assert (stay.entered, stay.left, stay.taken_back) == (NOW + timedelta(minutes=1), NOW + timedelta(minutes=2), "")
    rollback(fixture.context(), "dev", image=IMAGE, reason="bad")
    records = fixture.context().chain().records
    assert stays(records, second)["dev"].taken_back == "rolled back by record 3: bad"
    assert stays(records, first)["dev"].entered == records[2].at
    promote(fixture.context(), fixture.source(second), "dev", image=IMAGE, release=True)
    again = stays(fixture.context().chain().records, second)["dev"]
    assert (again.entered, again.taken_back) == (fixture.context().chain().records[3].at, "")
    yank(fixture.context(), fixture.source(second), image=IMAGE, reason="leaks", homes=[])
    assert stays(fixture.context().chain().records, second)["dev"].taken_back == "yanked by record 5: leaks"


def test_a_moment_goes_by_the_order_of_records(fixture: ReleaseFixture, publish: Publish) -> None:
    """D41: a clock that is a day ahead or behind changes no order; the bounds say where it is unsure."""
    for version in ("v1", "v2", "v3"):
        promote(fixture.context(), fixture.source(publish(version)), "dev", image=IMAGE)
    one, two, three = fixture.context().chain().records
    day = timedelta(days=1)
    ahead = (one, replace(two, at=two.at + day), three)
    assert until(ahead, three.at).sure == (one,)
    assert until(ahead, three.at).perhaps == ahead
    behind = (one, replace(two, at=two.at - day), three)
    assert until(behind, one.at).sure == behind[:2]
    assert until(behind, one.at - day / 2).sure == ()
    assert until(behind, one.at - day / 2).perhaps == behind[:2]
    assert until((one, two, three), two.at).sure == (one, two)


@pytest.mark.attack
def test_a_record_that_is_dated_back_gains_no_soak(fixture: ReleaseFixture, publish: Publish) -> None:
    """A key for dev alone, by a clock of his own: the record before says that it is later. One of 2099 stops nobody."""
    digests = [publish(version) for version in ("v1", "v2")]
    for digest in digests:
        promote(fixture.context(), fixture.source(digest), "dev", image=IMAGE)
    one, two = fixture.context().chain().records
    back = replace(two, at=two.at - timedelta(days=30))
    assert stays((one, back), digests[1], NOW + timedelta(days=1))["dev"].entered == one.at
    ahead = replace(one, at=one.at + timedelta(days=30_000))
    assert stays((ahead, two), digests[1], NOW + timedelta(days=1))["dev"].entered == two.at
