"""Certificates for the tests of the rule for authorities: a good one, and each kind that people have."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """What a certificate should say; the defaults are those of a good authority. `issuer` is a name and a key."""

    name: str = "Test CA"
    is_ca: bool = True
    may_sign: bool = True
    constraints: bool | None = True  # critical, or not; None: no such extension
    usage: bool = True
    identifier: bool = True
    starts_in: timedelta = timedelta(days=-1)
    ends_in: timedelta = timedelta(days=365)
    hash: HashAlgorithm | None = field(default_factory=SHA256)
    pss: padding.PSS | None = None
    issuer: tuple[str, Key] | None = None
    more: tuple[tuple[x509.ExtensionType, bool], ...] = ()


def named(name: str) -> x509.Name:
    """A distinguished name of one part."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])


def made(wanted: Authority, key: Key) -> x509.Certificate:
    """A certificate, self-signed where no issuer is named."""
    now = datetime.now(UTC)
    issuer, signer = wanted.issuer or (wanted.name, key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(wanted.name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + wanted.starts_in)
        .not_valid_after(now + wanted.ends_in)
    )
    for extension, critical in _extensions(wanted, key, signer):
        builder = builder.add_extension(extension, critical)
    chosen: Any = wanted.hash
    return builder.sign(signer, chosen, rsa_padding=wanted.pss)


def certificate(wanted: Authority, key: Key) -> str:
    """As `made`, in PEM form."""
    return made(wanted, key).public_bytes(Encoding.PEM).decode()


def private_key(key: Key) -> str:
    """The key itself as unencrypted PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _extensions(wanted: Authority, key: Key, signer: Key) -> list[tuple[x509.ExtensionType, bool]]:
    found: list[tuple[x509.ExtensionType, bool]] = []
    if wanted.constraints is not None:
        found.append((x509.BasicConstraints(ca=wanted.is_ca, path_length=None), wanted.constraints))
    if wanted.usage:
        found.append((_usage(wanted.may_sign), True))
    if wanted.identifier:
        found.append((x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
        found.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False))
    return [*found, *wanted.more]


def _usage(may_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=may_sign,
        crl_sign=may_sign,
        encipher_only=False,
        decipher_only=False,
    )
