"""Bundles: what was signed comes back, and nothing else is accepted."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagekit.base.errors import RefusedError
from imagekit.oci.reference import BUNDLE_TYPE, Digest
from imagekit.trust.evidence.statement import SIGNATURE_TYPE, Statement, signature_statement
from imagekit.trust.sign.interface import KeyFileError, SignatureError
from imagekit.trust.sign.native import key_hint, public_key_pem, read_public_key
from tests.support.images import evidence_of, key, signer, verifier

IMAGE = Digest.of(b"image")
SIGNED = signature_statement(IMAGE, {"channel": "dev"})


def bundle(statement: Statement = SIGNED) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(signer().sign(statement))
    return found


@pytest.mark.parametrize("statement", [SIGNED, *evidence_of(IMAGE)], ids=lambda item: item.predicate_type)
def test_what_was_signed_comes_back(statement: Statement) -> None:
    found = verifier().verify(signer().sign(statement))
    assert found == statement
    assert found.to_bytes() == statement.to_bytes()


def test_form_is_that_of_cosign() -> None:
    made = bundle()
    assert made["mediaType"] == BUNDLE_TYPE
    assert made["verificationMaterial"] == {"publicKey": {"hint": key_hint(key().public_key())}}
    assert made["dsseEnvelope"]["payloadType"] == "application/vnd.in-toto+json"
    statement = json.loads(base64.b64decode(made["dsseEnvelope"]["payload"]))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == SIGNATURE_TYPE
    assert statement["subject"] == [{"digest": {"sha256": IMAGE.hex}, "annotations": {"channel": "dev"}}]


def test_another_key_is_refused() -> None:
    with pytest.raises(SignatureError, match="another key"):
        verifier("theirs").verify(signer().sign(SIGNED))


def test_altered_payload_is_refused() -> None:
    made = bundle()
    payload = base64.b64decode(made["dsseEnvelope"]["payload"])
    made["dsseEnvelope"]["payload"] = base64.b64encode(payload.replace(b"dev", b"pro")).decode()
    with pytest.raises(SignatureError, match="altered"):
        verifier().verify(json.dumps(made).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"payloadType": "text/plain"},
        {"signatures": []},
        {"signatures": [{"sig": "AAAA"}]},
        {"signatures": [{}]},
        {"signatures": "x"},
        {"payload": "!"},
        {"payload": None},
    ],
)
def test_damaged_envelope_is_refused(change: dict[str, Any]) -> None:
    made = bundle()
    made["dsseEnvelope"].update(change)
    with pytest.raises(SignatureError):
        verifier().verify(json.dumps(made).encode())


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(lambda v: json.dumps(v).encode()))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(RefusedError):
        verifier().verify(data)


def test_public_key_file_round_trip() -> None:
    pem = public_key_pem(key().public_key())
    assert key_hint(read_public_key(pem, "cosign.pub")) == key_hint(key().public_key())
    with pytest.raises(KeyFileError, match=r"cosign\.pub"):
        read_public_key(b"rubbish", "cosign.pub")
