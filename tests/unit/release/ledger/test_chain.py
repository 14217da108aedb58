"""A chain of records: what is changed, removed, reordered or forged is seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from imagekit.base.errors import ConfigError
from imagekit.oci.reference import Digest
from imagekit.release.ledger.chain import Chain, file_hash, read_chain
from imagekit.release.ledger.judge import VerifierJudge
from imagekit.release.ledger.record import Action, LedgerError, Record, record_of
from imagekit.trust.evidence.statement import signature_statement
from imagekit.trust.sign.native import NativeSigner, NativeVerifier
from tests.support.images import fixed_key

pytestmark = pytest.mark.attack

BEGIN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SIGNER = NativeSigner(fixed_key())
JUDGE = VerifierJudge(NativeVerifier(fixed_key().public_key()))


def record(sequence: int, previous: str) -> Record:
    return Record(
        sequence=sequence,
        previous=previous,
        action=Action.PROMOTE,
        at=BEGIN + timedelta(minutes=sequence),
        actor="ann@example.org",
        image="debian-node",
        version=f"v{sequence}",
        digest=Digest.of(bytes([sequence])),
        reference="host/imagekit/dev/debian-node",
        channel="dev",
        before=Digest.of(b"before"),
        reason="because",
        decision=(("tests", "satisfied"),),
    )


def files(count: int = 3) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    previous = ""
    for sequence in range(1, count + 1):
        made = record(sequence, previous)
        found[made.file_name] = SIGNER.sign(made.statement())
        previous = file_hash(found[made.file_name])
    return found


def read(found: dict[str, bytes]) -> Chain:
    return read_chain(found.items(), JUDGE)


def test_a_whole_chain_is_read_in_order_whatever_the_order_of_files() -> None:
    chain = read_chain(reversed(list(files().items())), JUDGE)
    assert [item.sequence for item in chain.records] == [1, 2, 3]
    assert chain.records[1] == record(2, chain.entries[0].hash)
    assert chain.next_sequence == 4


def test_an_empty_ledger_is_a_beginning() -> None:
    assert read({}).next_sequence == 1
    assert read({}).head == ""


def test_a_removed_record_in_the_middle_is_seen() -> None:
    found = files()
    del found["000002.json"]
    with pytest.raises(LedgerError, match="expected here is number 2"):
        read(found)


def test_a_record_signed_anew_breaks_the_chain_after_it() -> None:
    found = files()
    chain = read(found)
    other = replace(chain.records[1], reason="another reason")
    found[other.file_name] = SIGNER.sign(other.statement())
    with pytest.raises(LedgerError, match=r"000003\.json does not follow"):
        read(found)


def test_an_altered_record_is_seen() -> None:
    found = files()
    name = "000002.json"
    found[name] = found[name].replace(b'"sig":"M', b'"sig":"N')
    with pytest.raises(LedgerError, match=r"000002.*does not count"):
        read(found)


def test_a_renamed_record_is_seen() -> None:
    found = files(1)
    with pytest.raises(LedgerError, match=r"says it is 000001\.json"):
        read({"000001-promote-prod.json": found["000001.json"]})


def test_a_statement_of_another_kind_is_no_record() -> None:
    with pytest.raises(LedgerError, match="not a record of the ledger"):
        read({"000001.json": SIGNER.sign(signature_statement(Digest.of(b"")))})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sequence", "1"),
        ("sequence", True),
        ("sequence", 0),
        ("action", "pay"),
        ("at", "2026-11-22T12:00:00"),
        ("at", 3),
    ],
)
def test_a_record_with_a_wrong_field_is_refused(field: str, value: object) -> None:
    good = record(1, "").statement()
    with pytest.raises(LedgerError, match="cannot be read"):
        record_of(replace(good, predicate={**good.predicate, field: value}))


def test_a_missing_end_shows_from_outside() -> None:
    found = files()
    whole = read(found)
    del found["000003.json"]
    with pytest.raises(LedgerError, match="the ledger ends at 2"):
        read(found).require_known(3, whole.head, "channels/dev.yaml")
    with pytest.raises(LedgerError, match="another record 3"):
        whole.require_known(3, whole.entries[0].hash, "channels/dev.yaml")
    whole.require_known(3, whole.head, "channels/dev.yaml")


def test_nobody_decides_anonymously_or_without_end() -> None:
    with pytest.raises(ConfigError, match="who decides"):
        replace(record(1, ""), actor="")
    with pytest.raises(ConfigError, match="2000"):
        replace(record(1, ""), reason="x" * 2001)
