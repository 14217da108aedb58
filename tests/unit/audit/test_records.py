"""What records bear out, and histories that do not have the commits which records were decided on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from imagekit.audit.model import AuditVerdict, Kind, State
from imagekit.audit.records import Ledger, missing_anchors
from imagekit.base.git import Git
from imagekit.oci.reference import Digest
from imagekit.release.ledger.chain import Chain, ChainEntry, Standing
from imagekit.release.ledger.record import Action, Record
from tests.support.fleethistory import History, digest
from tests.support.project import git

BEGIN = 1_767_225_600


def record(number: int = 1, **fields: object) -> Record:
    """A promotion of a made-up version to prod."""
    made = Record(
        sequence=number,
        previous="",
        action=Action.PROMOTE,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        actor="ann",
        image="node",
        version=f"v{number}",
        digest=Digest(digest(number)),
        reference=f"host/prod/node@{digest(number)}",
        channel="prod",
        reason="a change",
    )
    return replace(made, **fields)  # type: ignore[arg-type]  # tests name fields freely


def state(number: int = 1, **fields: object) -> State:
    """What the channel file says of that version."""
    made = State(
        kind=Kind.RUNS,
        image="node",
        channel="prod",
        digest=digest(number),
        version=f"v{number}",
        record=number,
        record_hash=f"{number:064}",
    )
    return replace(made, **fields)  # type: ignore[arg-type]  # tests name fields freely


def ledger(*records: Record, standing: Standing = Standing.SIGNED, problem: str = "") -> Ledger:
    """A chain of these records."""
    entries = tuple(ChainEntry(each, f"{each.sequence:064}", standing) for each in records)
    return Ledger(Chain(entries), problem)


def test_a_record_that_says_so_leaves_no_doubt() -> None:
    assert ledger(record()).doubt(state()) is None


def test_a_pinned_digest_needs_no_record() -> None:
    assert ledger().doubt(state(record=0)) is None


@pytest.mark.attack
@pytest.mark.parametrize(
    ("books", "said", "verdict", "why"),
    [
        (ledger(record()), state(digest=digest(9)), AuditVerdict.CONTRADICTED, "the channel file says"),
        (ledger(record()), state(channel="dev"), AuditVerdict.CONTRADICTED, "the channel file says"),
        (ledger(record()), state(image="other"), AuditVerdict.CONTRADICTED, "the channel file says"),
        (ledger(record()), state(record_hash="9" * 64), AuditVerdict.CONTRADICTED, "another record 1"),
        (ledger(record(action=Action.YANK)), state(), AuditVerdict.CONTRADICTED, "is a yank"),
        (ledger(record()), state(2), AuditVerdict.UNKNOWN, "the ledger has none"),
        (ledger(), state(), AuditVerdict.UNKNOWN, "the ledger has none"),
        (ledger(record(), standing=Standing.CLAIMED), state(), AuditVerdict.UNKNOWN, "nothing vouches for record 1"),
        (ledger(record(), problem="it was cut"), state(), AuditVerdict.UNKNOWN, "does not verify: it was cut"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_doubt(books: Ledger, said: State, verdict: AuditVerdict, why: str) -> None:
    found = books.doubt(said)
    assert found is not None
    assert found.verdict is verdict
    assert why in found.reason


def test_version_and_place_of_a_pinned_digest_come_from_the_records() -> None:
    books = ledger(record(1), record(2))
    pinned = State(kind=Kind.RUNS, image="node", digest=digest(2))
    assert books.version_of(pinned) == "v2"
    assert books.reference_of(pinned) == f"host/prod/node@{digest(2)}"
    assert books.version_of(state(7, version="", digest=digest(7))) == ""


def test_who_withdrew_a_digest() -> None:
    books = ledger(record(1), record(2, action=Action.YANK, digest=Digest(digest(1)), reason="loses disks"))
    assert "loses disks" in books.withdrawn(digest(1))
    assert books.withdrawn(digest(2)) == ""


def test_the_change_of_a_record_is_told() -> None:
    books = ledger(record(decision=(("signature", "satisfied: by x"), ("change", "satisfied: CHG7 names this digest"))))
    assert "change satisfied: CHG7" in books.words(1)


@pytest.mark.attack
def test_a_record_on_a_commit_that_is_gone_puts_all_before_it_in_doubt(tmp_path: Path) -> None:
    history = History(tmp_path / "repo")
    for number in range(1, 5):
        files = {"fleet/x.yaml": b"%d" % number} | ({"ledger/000001.json": b"{}"} if number >= 3 else {})
        history.add(files, BEGIN + number)
    root = history.write()
    commits = git(root, "rev-list", "--reverse", "main").split()

    def number_of(commit: str) -> int:
        return commits.index(commit) + 1

    kept = record(basis=(("git commit", commits[1]),))
    assert missing_anchors(Git(root), [kept], number_of).ranges == ()
    gone = record(basis=(("git commit", "ab" * 20),))
    found = missing_anchors(Git(root), [gone], number_of)
    assert [(after, upto) for after, upto, _ in found.ranges] == [(0, 3)]
    assert "was decided on commit abababababab" in found.why(2)
    assert found.why(4) == ""
    assert missing_anchors(Git(root), [record()], number_of).ranges == ()  # of the first format, without a basis
