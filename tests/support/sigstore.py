"""A Sigstore of one's own in memory: certificate authority, certificate log, transparency log, and their trusted root.

It issues certificates as Fulcio does and logs entries as Rekor does, far enough that sigstore-python's whole
verification runs: chain, certificate timestamp, identity, inclusion proof with signed checkpoint, signed entry time.
https://github.com/sigstore/fulcio/blob/main/docs/certificate-specification.md, RFC 6962,
https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto
"""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from imagekit.trust.evidence.statement import Statement

_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_FULCIO = "1.3.6.1.4.1.57264.1."
# https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md: from .8 on a DER string each
EXTENSIONS = {
    "issuer": 8,
    "build_signer": 9,
    "runner": 11,
    "source_repository": 12,
    "source_ref": 14,
    "source_repository_id": 15,
    "build_config": 18,
    "environment": 23,
}
_TIMESTAMPS = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_ALGORITHM = ec.ECDSA(hashes.SHA256())
_LIFE = timedelta(minutes=10)
_BORN = datetime(2026, 1, 1, tzinfo=UTC)
_TYPE = "application/vnd.in-toto+json"


def _new() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(slots=True)
class SigstoreSimulator:
    """The three services; a switch each for what they may do wrong."""

    authority: ec.EllipticCurvePrivateKey = field(default_factory=_new)
    certificate_log: ec.EllipticCurvePrivateKey = field(default_factory=_new)
    log: ec.EllipticCurvePrivateKey = field(default_factory=_new)

    def trusted_root(self, path: Path) -> Path:
        """Write the trusted root file that knows these services."""
        root = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [self._instance(self.log, "https://rekor.example")],
            "ctlogs": [self._instance(self.certificate_log, "https://ctfe.example")],
            "certificateAuthorities": [
                {
                    "subject": {"organization": "example", "commonName": "fulcio"},
                    "uri": "https://fulcio.example",
                    "certChain": {"certificates": [{"rawBytes": _text(_der(self._root()))}]},
                    "validFor": {"start": "2026-01-01T00:00:00Z"},
                }
            ],
            "timestampAuthorities": [],
        }
        path.write_text(json.dumps(root))
        return path

    def sign(
        self,
        statement: Statement,
        *,
        identity: str,
        issuer: str,
        at: datetime,
        logged: datetime | None = None,
        payload: bytes | None = None,
        **claims: str,
    ) -> bytes:
        """A bundle as cosign writes one for the holder of a token; `logged` is when the log saw it.

        With `payload` the envelope carries other bytes than were signed and logged; `claims` are those of `EXTENSIONS`
        that the certificate has, beside the issuer.
        """
        key = _new()
        certificate = self._certificate(key.public_key(), identity, issuer, at, {"issuer": issuer, **claims})
        said = statement.to_bytes()
        signature = key.sign(b"DSSEv1 %d %s %d %s" % (len(_TYPE), _TYPE.encode(), len(said), said), _ALGORITHM)
        entry = self._entry(said, signature, certificate, logged or at + timedelta(seconds=5))
        bundle = {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": _text(_der(certificate))},
                "tlogEntries": [entry],
            },
            "dsseEnvelope": {
                "payload": _text(payload or said),
                "payloadType": _TYPE,
                "signatures": [{"sig": _text(signature)}],
            },
        }
        return json.dumps(bundle).encode()

    def _root(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fulcio")])
        public = self.authority.public_key()
        builder = (
            x509.CertificateBuilder(name, name, public, 1, _BORN, _BORN + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        return builder.sign(self.authority, hashes.SHA256())

    def _certificate(
        self, public: ec.EllipticCurvePublicKey, identity: str, issuer: str, at: datetime, claims: dict[str, str]
    ) -> x509.Certificate:
        """A certificate for ten minutes, with the certificate log's timestamp in it."""
        root = self._root()
        builder = (
            x509.CertificateBuilder(root.subject, x509.Name([]), public, x509.random_serial_number(), at, at + _LIFE)
            .add_extension(_usage(certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority.public_key()), critical=False
            )
            .add_extension(x509.SubjectAlternativeName([_name(identity)]), critical=True)
            .add_extension(x509.UnrecognizedExtension(_ISSUER, issuer.encode()), critical=False)
        )
        for name, value in claims.items():
            oid = x509.ObjectIdentifier(f"{_FULCIO}{EXTENSIONS[name]}")
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, asn1.encode_der(value)), critical=False)
        before = builder.sign(self.authority, hashes.SHA256())
        stamp = self._timestamp(before.tbs_certificate_bytes, at)
        with_stamp = builder.add_extension(x509.UnrecognizedExtension(_TIMESTAMPS, stamp), critical=False)
        return with_stamp.sign(self.authority, hashes.SHA256())

    def _timestamp(self, precertificate: bytes, at: datetime) -> bytes:
        """The list of signed certificate timestamps, of one, as the extension holds it (RFC 6962, 3.2 and 3.3)."""
        moment = int(at.timestamp() * 1000)
        issuer = _key_id(self.authority)
        length = len(precertificate).to_bytes(3, "big")
        signed = struct.pack("!BBQH", 0, 0, moment, 1) + issuer + length + precertificate + b"\0\0"
        signature = self.certificate_log.sign(signed, _ALGORITHM)
        one = b"\0" + _key_id(self.certificate_log) + struct.pack("!QH", moment, 0)
        one += b"\x04\x03" + struct.pack("!H", len(signature)) + signature
        listed = struct.pack("!H", len(one) + 2) + struct.pack("!H", len(one)) + one
        return b"\x04" + (bytes([len(listed)]) if len(listed) < 128 else b"\x81" + bytes([len(listed)])) + listed

    def _entry(self, said: bytes, signature: bytes, certificate: x509.Certificate, at: datetime) -> dict[str, Any]:
        """A log of one entry: its proof is empty, and its root is the entry's own hash."""
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        spec = {
            "envelopeHash": {"algorithm": "sha256", "value": sha256(said).hexdigest()},
            "payloadHash": {"algorithm": "sha256", "value": sha256(said).hexdigest()},
            "signatures": [{"signature": _text(signature), "verifier": _text(pem)}],
        }
        body = json.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}, sort_keys=True).encode()
        root = sha256(b"\0" + body).digest()
        moment, name = int(at.timestamp()), _key_id(self.log)
        promise = json.dumps(
            {"body": _text(body), "integratedTime": moment, "logID": name.hex(), "logIndex": 0},
            sort_keys=True,
            separators=(",", ":"),
        )
        return {
            "logIndex": "0",
            "logId": {"keyId": _text(name)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(moment),
            "inclusionPromise": {"signedEntryTimestamp": _text(self.log.sign(promise.encode(), _ALGORITHM))},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": _text(root),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": self._checkpoint(root)},
            },
            "canonicalizedBody": _text(body),
        }

    def _checkpoint(self, root: bytes) -> str:
        note = f"rekor.example - 1\n1\n{_text(root)}\n"
        signature = self.log.sign(note.encode(), _ALGORITHM)
        return f"{note}\n\N{EM DASH} rekor.example {_text(_key_id(self.log)[:4] + signature)}\n"

    @staticmethod
    def _instance(key: ec.EllipticCurvePrivateKey, url: str) -> dict[str, Any]:
        return {
            "baseUrl": url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": _text(_spki(key)),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": {"start": "2026-01-01T00:00:00Z"},
            },
            "logId": {"keyId": _text(_key_id(key))},
        }


def _name(identity: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(identity) if "://" in identity else x509.RFC822Name(identity)


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _key_id(key: ec.EllipticCurvePrivateKey) -> bytes:
    return sha256(_spki(key)).digest()


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
