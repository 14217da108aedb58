"""Bundles opened: one reading for what counts, and no cost that a stranger can choose."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sigstore.dsse import Envelope
from sigstore.errors import Error as SigstoreError

from imagekit.oci.reference import Digest
from imagekit.trust.evidence.statement import MalformedStatementError, parse_statement, signature_statement
from imagekit.trust.sign.envelope import Sealed, open_envelope, open_loosely
from imagekit.trust.sign.interface import SignatureError
from imagekit.trust.sign.native import NativeVerifier
from imagekit.trust.sign.trust import Problem
from tests.support.images import signer, verifier
from tests.support.release import trust

pytestmark = pytest.mark.attack
SIGNED = signature_statement(Digest.of(b"image"))


def bundle() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(signer().sign(SIGNED))
    return found


def flood(count: int) -> bytes:
    """A bundle with that many signatures, the first one good."""
    made = bundle()
    [good] = made["dsseEnvelope"]["signatures"]
    bad = base64.b64encode(b"0" * 64).decode()
    made["dsseEnvelope"]["signatures"] = [good, *({"sig": bad} for _ in range(count - 1))]
    return json.dumps(made, separators=(",", ":")).encode()


def test_a_flood_of_signatures_costs_no_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """D13: 9,900 signatures took 42 CPU seconds a key a read."""
    checked: list[Sealed] = []

    def note(_: NativeVerifier, sealed: Sealed) -> bool:
        checked.append(sealed)
        return False

    monkeypatch.setattr(NativeVerifier, "_verifies", note)
    data, began = flood(9_900), time.process_time()
    reading = trust().read(data)
    assert (reading.problem, checked) == (Problem.DAMAGED, [])
    assert verifier().denial(data) is None
    assert time.process_time() - began < 2, "seconds of one processor; it was 42 a key"


@pytest.mark.parametrize("count", [0, 2, 3, 8, 9])
def test_exactly_one_signature_counts(count: int) -> None:
    """D17: cosign refuses two; what two readers judge differently is refused."""
    made = json.loads(flood(max(1, count)))
    made["dsseEnvelope"]["signatures"] = made["dsseEnvelope"]["signatures"][:count]
    data = json.dumps(made).encode()
    with pytest.raises(SignatureError, match="exactly one signature"):
        verifier().verify(data)
    assert trust().read(data).problem is Problem.DAMAGED
    assert len(open_loosely(data)) == (count if count <= 8 else 0)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_sigstore_agrees_about_the_number(count: int) -> None:
    """The library that verifies keyless bundles holds to the same number."""
    envelope = json.loads(flood(2))["dsseEnvelope"]
    envelope["signatures"] = envelope["signatures"][:count]
    text = json.dumps(envelope)
    if count == 1:
        assert Envelope._from_json(text).signature == base64.b64decode(envelope["signatures"][0]["sig"])
    else:
        with pytest.raises(SigstoreError, match="exactly one signature"):
            Envelope._from_json(text)


TWINS: dict[str, Callable[[bytes], bytes]] = {
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "UTF-8 with a mark": lambda data: b"\xef\xbb\xbf" + data,
    "envelope twice": lambda data: data.replace(b'"dsseEnvelope":', b'"dsseEnvelope":{},"dsseEnvelope":', 1),
    "envelope in two letter cases": lambda data: data.replace(b'"dsseEnvelope":', b'"DsseEnvelope":{},"dsseEnvelope":'),
    "payload twice": lambda data: data.replace(b'"payload":', b'"payload":"","payload":', 1),
    "signatures with a long s": lambda data: data.replace(b'"signatures":', '"\u017fignatures":'.encode(), 1),
    "base64 with a line end": lambda data: data.replace(b'"sig":"', b'"sig":"\\n', 1),
    "NaN": lambda data: data.replace(b'"mediaType":', b'"x":NaN,"mediaType":', 1),
    "no object": lambda data: b"[" + data + b"]",
    "cut off": lambda data: data[:-1],
}


@pytest.mark.parametrize("name", TWINS)
def test_what_readers_may_take_differently_is_refused(name: str) -> None:
    """D17."""
    data = TWINS[name](signer().sign(SIGNED))
    with pytest.raises(SignatureError):
        open_envelope(data)
    assert trust().read(data).problem is Problem.DAMAGED


def test_text_of_another_kind_by_a_trusted_key_is_no_denial() -> None:
    made = bundle()
    made["dsseEnvelope"] |= {"payloadType": "text/plain", "payload": base64.b64encode(b"good morning").decode()}
    assert open_loosely(json.dumps(made).encode()) == ()


def test_names_of_build_arguments_are_free() -> None:
    """Only the fields of a statement have one spelling; an argument may be called SHA256 or Digest."""
    said = replace(SIGNED, predicate={"arguments": {"base": {"SHA256": "x", "Digest": "y"}}, "SUBJECT": 1})
    assert parse_statement(said.to_bytes()) == said
    for one, other in ((b'"subject":', b'"Subject":'), (b'"digest":', b'"Digest":'), (b'"sha256":', b'"SHA256":')):
        with pytest.raises(MalformedStatementError):
            parse_statement(said.to_bytes().replace(one, other, 1))
