"""D1: keys are revoked, expire, rotate and go: the past stays readable, what they sign afterwards does not count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.oci.reference import Digest
from imagekit.release.ledger.chain import Standing, file_hash
from imagekit.release.ledger.judge import Judged, TrustJudge, judged_by
from imagekit.release.ledger.record import Action, LedgerError, record_of
from imagekit.release.ledger.store import LedgerStore
from imagekit.trust.sign.native import public_key_pem
from imagekit.trust.sign.trust import load_trust
from tests.support.images import key, signer
from tests.support.ledgers import Ledger, open_ledger
from tests.support.project import git

pytestmark = pytest.mark.attack


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Three records by a key, which another one then replaces."""
    made = open_ledger(tmp_path / "work", ("old",))
    for _ in range(3):
        made.add("old")
    made.trust("new")
    return made


def revoke(ledger: Ledger) -> None:
    ledger.trust("old", revoked="stolen")


def remove(ledger: Ledger) -> None:
    ledger.forget("old")


def repurpose(ledger: Ledger) -> None:
    ledger.trust("old", purposes=["build"])


def narrow(ledger: Ledger) -> None:
    ledger.trust("old", channels=["staging"])


def shorten(ledger: Ledger) -> None:
    ledger.trust("old", not_after="2026-11-01T00:00:00Z")


ENDS = pytest.mark.parametrize("end", [revoke, remove, repurpose, narrow, shorten])
End = Callable[[Ledger], None]


@ENDS
def test_the_past_of_a_key_stays_readable(ledger: Ledger, end: End) -> None:
    """D1 itself: red with the code before, for each way in which a key can end."""
    end(ledger)
    assert ledger.read().entries[-1].standing is Standing.PAST
    ledger.add("new")
    assert ledger.read().entries[-1].standing is Standing.SIGNED
    assert len(ledger.read().entries) == 4


@ENDS
def test_what_it_signs_afterwards_is_refused(ledger: Ledger, end: End) -> None:
    end(ledger)
    ledger.add("old")
    with pytest.raises(LedgerError, match=r"ledger/000004\.json does not count.*not there yet when commit"):
        ledger.read()


def test_a_record_inserted_later_that_pretends_to_be_old_is_refused(ledger: Ledger) -> None:
    """Committed on a branch from before the revocation, and merged: its date and parent are old, its place is not."""
    before = git(ledger.root, "rev-parse", "HEAD").strip()
    revoke(ledger)
    git(ledger.root, "switch", "-q", "-c", "side", before)
    ledger.add("old")
    git(ledger.root, "switch", "-q", "main")
    git(ledger.root, "merge", "-q", "--no-ff", "-m", "merge", "side")
    with pytest.raises(LedgerError, match=r"000004\.json does not count"):
        ledger.read()


def test_a_merge_whose_first_parent_is_the_thief_is_no_help(ledger: Ledger) -> None:
    """Own variant: main is fast-forwarded to the thief's merge, so that along first parents the record is older."""
    before = git(ledger.root, "rev-parse", "HEAD").strip()
    revoke(ledger)
    git(ledger.root, "switch", "-q", "-c", "side", before)
    ledger.add("old")
    git(ledger.root, "merge", "-q", "--no-ff", "-m", "merge", "main")
    git(ledger.root, "switch", "-q", "main")
    git(ledger.root, "merge", "-q", "--ff-only", "side")
    with pytest.raises(LedgerError, match=r"000004\.json does not count"):
        ledger.read()


def test_a_second_revocation_on_the_side_is_no_help(ledger: Ledger) -> None:
    """Own variant: the thief's own branch revokes the key, too, after the forged record."""
    before = git(ledger.root, "rev-parse", "HEAD").strip()
    revoke(ledger)
    git(ledger.root, "switch", "-q", "-c", "side", before)
    ledger.add("old")
    revoke(ledger)
    git(ledger.root, "switch", "-q", "main")
    git(ledger.root, "merge", "-q", "--no-ff", "-m", "merge", "side")
    with pytest.raises(LedgerError, match=r"000004\.json does not count"):
        ledger.read()


def test_a_key_that_was_never_trusted_does_not_count(ledger: Ledger) -> None:
    ledger.add("stranger")
    with pytest.raises(LedgerError, match=r"does not count.*no trust file in git's history trusts its key"):
        ledger.read()


def test_a_later_record_vouches_where_git_does_not_have_the_trust_file(ledger: Ledger) -> None:
    """The ledger has its own repository: the record that follows by its hash is all there is."""
    ledger.add("new")
    revoke(ledger)
    standings = [entry.standing for entry in ledger.read(past=False).entries]
    assert standings == [Standing.FOLLOWED] * 3 + [Standing.SIGNED]


def test_the_end_that_nothing_follows_needs_a_seal_there(ledger: Ledger) -> None:
    revoke(ledger)
    with pytest.raises(LedgerError, match="does not count: key old is revoked") as caught:
        ledger.read(past=False)
    assert "imagekit ledger seal" in caught.value.hint
    ledger.add("new", action=Action.SEAL, channel="")
    assert len(ledger.read(past=False).entries) == 4


def test_a_record_made_in_an_emergency_vouches_for_nothing(ledger: Ledger) -> None:
    revoke(ledger)
    ledger.add("old")
    ledger.add("new", emergency="ledger/000004.json does not count")
    with pytest.raises(LedgerError, match=r"000004\.json does not count"):
        ledger.read()


def test_a_key_of_one_channel_vouches_for_no_other(ledger: Ledger) -> None:
    """Own variant: whoever promotes to dev alone puts a record of prod below his own."""
    ledger.trust("dev-only", channels=["dev"])
    revoke(ledger)
    ledger.add("old", channel="prod")
    ledger.add("dev-only", channel="dev")
    with pytest.raises(LedgerError, match=r"000004\.json does not count"):
        ledger.read()


def test_a_key_of_one_channel_signs_no_record_of_another(ledger: Ledger) -> None:
    """D4, for records."""
    ledger.trust("dev-only", channels=["dev"])
    ledger.add("dev-only", channel="dev")
    assert len(ledger.read().entries) == 4
    ledger.add("dev-only", channel="prod")
    with pytest.raises(LedgerError, match="not trusted for channel prod"):
        ledger.read()


def test_only_a_seal_vouches_for_what_no_known_key_signed(ledger: Ledger) -> None:
    ledger.add("stranger")
    ledger.add("new")
    with pytest.raises(LedgerError, match=r"000004\.json does not count"):
        ledger.read()
    ledger.add("new", action=Action.SEAL, channel="")
    assert ledger.read().entries[3].standing is Standing.FOLLOWED


def test_a_revocation_that_is_not_committed_yet_leaves_the_past_alone(ledger: Ledger) -> None:
    ledger.keys["old"]["revoked"] = "stolen"
    ledger.write_trust()
    assert len(ledger.read().entries) == 3


def test_a_revocation_that_is_taken_back_opens_nothing_else(ledger: Ledger) -> None:
    """Own variant: revoked, a forged record, trusted again, revoked again."""
    revoke(ledger)
    ledger.add("old")
    ledger.trust("old")
    revoke(ledger)
    with pytest.raises(LedgerError, match=r"000004\.json does not count"):
        ledger.read()


def test_what_was_verified_is_remembered_and_nothing_else(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures are checked once for one trust file; the hashes always."""
    asked: list[bytes] = []
    plain = TrustJudge.today

    def counting(judge: TrustJudge, bundle: bytes) -> Judged:
        asked.append(bundle)
        return plain(judge, bundle)

    monkeypatch.setattr(TrustJudge, "today", counting)
    ledger.read()
    ledger.add("new")
    asked.clear()
    assert ledger.read().entries[0].standing is Standing.REMEMBERED
    assert len(asked) == 1
    ledger.trust("third")
    asked.clear()
    assert ledger.read().entries[0].standing is Standing.SIGNED
    assert len(asked) == 4
    LedgerStore(ledger.root).chain(ledger.judge(), fresh=True)
    assert len(asked) == 8


@pytest.mark.parametrize("number", [1, 2, 3])
def test_what_is_remembered_cannot_be_changed(ledger: Ledger, number: int) -> None:
    """Own variant: a record that was verified before is replaced by one of another key, and committed."""
    ledger.read()
    path = ledger.root / "ledger" / f"{number:06d}.json"
    said = judged_by(load_trust(ledger.root), path.read_bytes()).statement
    assert said is not None
    old = record_of(said)
    path.write_bytes(signer("stranger").sign(replace(old, reason="another").statement().stamped(old.at)))
    ledger.commit("replaced")
    with pytest.raises(LedgerError):
        ledger.read()


def test_a_revert_of_what_is_remembered_is_named(ledger: Ledger) -> None:
    ledger.read()
    git(ledger.root, "rm", "-q", "ledger/000003.json")
    git(ledger.root, "commit", "-qm", "gone")
    with pytest.raises(LedgerError, match=r"was cut: .* has ledger/000003\.json"):
        ledger.read()


def test_a_memory_that_is_damaged_is_none(ledger: Ledger) -> None:
    path = ledger.root / ".git" / "imagekit-ledger-head.json"
    for text in ("", "[]", '{"refs/heads/main": {"records": -1}}', '{"refs/heads/main": 3}'):
        ledger.read()
        path.write_text(text)
        assert ledger.read().entries[0].standing is Standing.SIGNED


@pytest.mark.parametrize("action", [Action.PROMOTE, Action.SEAL])
def test_a_key_of_one_channel_takes_no_decision_of_others_away(tmp_path: Path, action: Action) -> None:
    """`instead` was believed whatever it named: a key for dev cut off a yank and its denial, and nobody was told."""
    ledger = open_ledger(tmp_path / "work")
    ledger.trust("dev", channels=["dev"])
    ledger.add("ours", channel="prod")
    denial = ledger.root / "yanks" / f"{Digest.of(b'2').hex}.json"
    denial.parent.mkdir()
    denial.write_bytes(b"a denial")
    ledger.add("ours", channel="", action=Action.YANK)
    ledger.read()
    gone = tuple(file_hash(data) for data in (ledger.files()["000002.json"], b"a denial"))
    (ledger.root / "ledger/000002.json").unlink()
    denial.unlink()
    ledger.add("dev", channel="dev" if action is Action.PROMOTE else "", action=action, instead=gone)
    with pytest.raises(LedgerError, match="was cut"):
        ledger.read()


def test_a_decision_stands_for_itself_alone(tmp_path: Path) -> None:
    """Own variant: by a key without limits, and for a decision about the same channel, but another digest."""
    ledger = open_ledger(tmp_path / "work")
    ledger.add("ours")
    ledger.add("ours")
    gone = (file_hash(ledger.files()["000002.json"]),)
    (ledger.root / "ledger/000002.json").unlink()
    ledger.add("ours", digest=Digest.of(b"another"), instead=gone)
    with pytest.raises(LedgerError, match="was cut"):
        ledger.read()


def test_the_past_of_a_key_file_that_was_replaced_stays_readable(tmp_path: Path) -> None:
    """trust.yaml named the file and did not change, so no commit seemed to have ended the trust in the old key."""
    ledger = open_ledger(tmp_path / "work", ())
    (ledger.root / "keys").mkdir()
    file = ledger.root / "keys/ann.pub"
    file.write_bytes(public_key_pem(key("old").public_key()))
    ledger.keys["ann"] = {"id": "ann", "public_key": "keys/ann.pub", "purposes": ["promote"]}
    ledger.write_trust()
    ledger.commit("trust")
    ledger.add("old")
    file.write_bytes(public_key_pem(key("new").public_key()))
    ledger.commit("another key in the same file")
    assert [entry.standing for entry in ledger.read().entries] == [Standing.PAST]
    ledger.add("old")
    with pytest.raises(LedgerError, match="it was not there yet when commit"):
        ledger.read()
