"""DSSE with ECDSA P-256 in this process, in the sigstore bundle v0.3 that cosign 3 writes and reads.

https://github.com/secure-systems-lab/dsse/blob/master/protocol.md,
https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto
"""

from __future__ import annotations

import base64
import json
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from imagekit.oci.reference import BUNDLE_TYPE
from imagekit.trust.evidence.denial import Denial, denial_in
from imagekit.trust.evidence.statement import Statement, parse_statement
from imagekit.trust.sign.envelope import PAYLOAD_TYPE, Sealed, open_envelope, open_loosely
from imagekit.trust.sign.interface import KeyFileError, SignatureError

_ALGORITHM = ec.ECDSA(hashes.SHA256())


class NativeSigner:
    """Signs with a P-256 key in memory."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    @property
    def label(self) -> str:
        """The hint that cosign writes to tell which key signed."""
        return key_hint(self._key.public_key())

    def sign(self, statement: Statement) -> bytes:
        """Sign a statement and return a sigstore bundle v0.3."""
        payload = statement.to_bytes()
        signature = self._key.sign(Sealed(payload=payload, signature=b"").signed, _ALGORITHM)
        bundle = {
            "mediaType": BUNDLE_TYPE,
            "verificationMaterial": {"publicKey": {"hint": key_hint(self._key.public_key())}},
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": base64.b64encode(signature).decode()}],
            },
        }
        return json.dumps(bundle, separators=(",", ":")).encode()


class NativeVerifier:
    """Accepts what one P-256 key signed."""

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        self._key = key

    def verify(self, bundle: bytes) -> Statement:
        """The statement in a bundle; raises `SignatureError`, `MalformedStatementError`."""
        sealed = open_envelope(bundle)
        self.check(sealed)
        return parse_statement(sealed.payload)

    def denial(self, bundle: bytes) -> Denial | None:
        """What the key's holder forbids in a bundle, in order or not."""
        return next((denial_in(each.payload) for each in _opened(bundle) if self._verifies(each)), None)

    def check(self, sealed: Sealed) -> None:
        """Raise `SignatureError` unless the key signed it."""
        if not self._verifies(sealed):
            raise SignatureError("signed by another key, or altered after signing")

    def _verifies(self, sealed: Sealed) -> bool:
        try:
            self._key.verify(sealed.signature, sealed.signed, _ALGORITHM)
        except InvalidSignature:
            return False
        return True


def _opened(bundle: bytes) -> tuple[Sealed, ...]:
    try:
        return (open_envelope(bundle),)
    except SignatureError:
        return open_loosely(bundle)


def claimed_statement(bundle: bytes) -> Statement:
    """What a bundle claims, with no signature checked; raises `SignatureError`, `MalformedStatementError`."""
    return parse_statement(open_envelope(bundle).payload)


def key_hint(key: ec.EllipticCurvePublicKey) -> str:
    """What cosign writes to tell which key signed: base64 of the sha256 of the DER form."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(sha256(der).digest()).decode()


def public_key_pem(key: ec.EllipticCurvePublicKey) -> bytes:
    """The form of a `cosign.pub` file."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def read_public_key(pem: bytes, where: str) -> ec.EllipticCurvePublicKey:
    """Read a `cosign.pub`; raises `KeyFileError` naming `where` for anything but a P-256 key."""
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError:
        raise KeyFileError(f"{where} is no public key in PEM form") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyFileError(f"{where} is no ECDSA P-256 key", hint="`cosign generate-key-pair` makes one.")
    return key
