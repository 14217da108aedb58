"""Keys and certificates of an API server that lives for one check."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFE = timedelta(days=2)
_EARLIER = timedelta(hours=1)  # clocks of two programs on one machine agree; a check at the edge of a summer does not


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """A certificate authority whose key is never written; what it signs is valid for two days from `now` on."""

    def __init__(self, now: datetime | None = None) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("imagekit check")
        self._now = now or datetime.now(UTC)
        self.certificate = (
            _builder(self._name, self._name, self._key.public_key(), self._now)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """Its certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def server(self) -> Pair:
        """For a server on loopback."""
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return self._signed(
            _name("kube-apiserver"), ExtendedKeyUsageOID.SERVER_AUTH, x509.SubjectAlternativeName(names)
        )

    def client(self, user: str, *groups: str) -> Pair:
        """For a user in groups, as Kubernetes reads certificates: the common name and the organizations."""
        return self._signed(_name(user, *groups), ExtendedKeyUsageOID.CLIENT_AUTH)

    def issue(self, request: bytes, *, life: timedelta = _LIFE) -> bytes:
        """A client's certificate (PEM) for a signing request (PEM): its subject, its key, and nothing else of it."""
        asked = x509.load_pem_x509_csr(request)
        key = asked.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        now = datetime.now(UTC)
        made = _builder(asked.subject, self._name, key, now, life=life)
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        return made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _signed(self, name: x509.Name, use: x509.ObjectIdentifier, *more: x509.ExtensionType) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, self._name, key.public_key(), self._now)
        for extension in (x509.ExtendedKeyUsage([use]), *more):
            builder = builder.add_extension(extension, critical=False)
        made = builder.sign(self._key, hashes.SHA256())
        return Pair(made.public_bytes(serialization.Encoding.PEM), private_pem(key))


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as PEM without a password, in the form that kube-apiserver also takes the public half from."""
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def signing_key() -> bytes:
    """A key that signs tokens of service accounts, PEM."""
    return private_pem(ec.generate_private_key(ec.SECP256R1()))


def write_private(path: Path, data: bytes) -> Path:
    """A file that only its owner reads."""
    path.touch(mode=0o600)
    path.write_bytes(data)
    return path


def _name(common: str, *organizations: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, each) for each in organizations]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, *, life: timedelta = _LIFE
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + life)
    )
