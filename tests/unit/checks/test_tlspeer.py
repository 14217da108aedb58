"""The TLS peers against Python's own client."""

from __future__ import annotations

import http.client
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from imagekit.base.errors import ConfigError
from imagekit.checks.tlspeer import ANSWER, TlsPeer, both_peers, trusted_peer, untrusted_peer


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "House CA")])
    start = datetime.now(UTC) - timedelta(days=3)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    (tmp_path / "house.pem").write_bytes(cert.public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "house.key").write_bytes(secret)
    return tmp_path


def get(peer: TlsPeer, ca: Path) -> str:
    context = ssl.create_default_context(cafile=str(ca / "house.pem"))
    connection = http.client.HTTPSConnection("127.0.0.1", peer.port, context=context, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_who_trusts_the_house_reaches_its_peer_only(ca: Path) -> None:
    with trusted_peer(ca, "127.0.0.1") as house, untrusted_peer("127.0.0.1") as stranger:
        assert get(house, ca).strip() == ANSWER
        with pytest.raises(ssl.SSLCertVerificationError):
            get(stranger, ca)
        assert get(house, ca).strip() == ANSWER


def test_the_name_counts(ca: Path) -> None:
    with (
        trusted_peer(ca, "10.0.2.2") as house,
        pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"),
    ):
        get(house, ca)


def test_no_server_is_left(ca: Path) -> None:
    with trusted_peer(ca, "127.0.0.1") as house:
        pass
    with pytest.raises(ConnectionRefusedError):
        get(house, ca)


def test_a_folder_without_a_pair(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found 0 keys"), trusted_peer(tmp_path, "127.0.0.1"):
        pass


def test_both_say_where_the_guest_finds_them(ca: Path) -> None:
    with both_peers(ca) as peers:
        assert peers.trusted.address == peers.untrusted.address == "10.0.2.100"
        assert peers.trusted.port != peers.untrusted.port
