"""The corporate authorities: in the node's trust, and in nothing more than its trust."""

from __future__ import annotations

import re
import ssl
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.utils import CryptographyDeprecationWarning
from testinfra.host import Host

from imagekit.checks import declared
from imagekit.checks.facts import Facts
from imagekit.checks.tlspeer import ANSWER, TlsPeer

pytestmark = pytest.mark.runbook("ca-trust")
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem")
DECLARED = declared.certificates("ca-trust")
each = pytest.mark.parametrize("pem", DECLARED, ids=lambda path: path.stem)


@pytest.fixture(scope="session")
def bundle(host: Host) -> list[x509.Certificate]:
    """Every certificate of the system's bundle."""
    text = host.run(f"cat {' '.join(BUNDLES)} 2>/dev/null").stdout
    with warnings.catch_warnings():  # some public authorities have serial numbers that are not positive
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return x509.load_pem_x509_certificates(text.encode())


def load(pem: Path) -> x509.Certificate:
    """The certificate of a file of this layer."""
    return x509.load_pem_x509_certificate(pem.read_bytes())


def test_something_is_declared() -> None:
    """The layer declares at least one authority."""
    assert DECLARED


@each
def test_authority_is_in_the_bundle(bundle: list[x509.Certificate], pem: Path) -> None:
    """The declared authority is in the system's bundle, byte for byte."""
    held = {cert.fingerprint(SHA256()) for cert in bundle}
    missing = load(pem).fingerprint(SHA256()) not in held
    assert not missing, f"{pem.name} is not among the {len(held)} certificates of the bundle"


@each
def test_authority_is_trusted(host: Host, pem: Path) -> None:
    """OpenSSL on the node trusts the declared authority by its default store."""
    done = host.run("printf %%s %s | openssl verify -x509_strict", pem.read_text())
    assert done.rc == 0, done.stderr


@each
def test_authority_may_sign(pem: Path) -> None:
    """The declared certificate is that of an authority."""
    constraints = load(pem).extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.value.ca
    assert constraints.critical


@each
def test_authority_is_in_force(host: Host, pem: Path) -> None:
    """By the node's clock the authority is valid, for a month at least."""
    now = datetime.fromtimestamp(int(host.run("date +%s").stdout), UTC)
    cert = load(pem)
    assert cert.not_valid_before_utc <= now
    assert (cert.not_valid_after_utc - now).days >= 30


@each
def test_authority_is_strong(pem: Path) -> None:
    """The authority's key is strong enough and its signature rests on no broken hash."""
    cert = load(pem)
    key = cert.public_key()
    assert isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey))
    assert key.key_size >= (3072 if isinstance(key, rsa.RSAPublicKey) else 256)
    assert cert.signature_hash_algorithm is not None
    assert cert.signature_hash_algorithm.name in ("sha256", "sha384", "sha512")


def test_bundle_is_whole(bundle: list[x509.Certificate]) -> None:
    """Every certificate of the bundle can be read, and none stands there twice."""
    prints = [cert.fingerprint(SHA256()) for cert in bundle]
    assert len(prints) == len(set(prints))


def test_public_authorities_are_still_there(bundle: list[x509.Certificate]) -> None:
    """The public authorities are there too: the corporate ones were added, not put in their place."""
    assert len(bundle) > 100


def test_bundle_is_for_everybody(host: Host) -> None:
    """Every account can read the bundle and nobody but root writes it."""
    found = host.run(f"stat -L -c %a:%U {' '.join(BUNDLES)} 2>/dev/null").stdout.split()
    assert found
    assert all(re.fullmatch(r"4?[46]44:root", line) for line in found)


def test_no_authority_key_on_the_node(host: Host) -> None:
    """No private key lies among the certificates."""
    done = host.run("grep -rlE 'PRIVATE KEY' /etc/ssl/certs /usr/share/ca-certificates /etc/pki/ca-trust 2>/dev/null")
    assert done.stdout.strip() == ""


@pytest.mark.needs(network=True, service="tls")
def test_curl_accepts_the_house(host: Host, house_peer: TlsPeer) -> None:
    """curl on the node talks to a server with a corporate certificate."""
    done = host.run("curl -sS --max-time 30 %s", house_peer.url)
    assert done.rc == 0, done.stderr
    assert done.stdout.strip() == ANSWER


@pytest.mark.needs(network=True, service="tls")
def test_curl_refuses_a_stranger(host: Host, strange_peer: TlsPeer) -> None:
    """curl on the node refuses a server with a certificate of an unknown authority."""
    done = host.run("curl -sS --max-time 30 %s", strange_peer.url)
    assert done.rc == 60, done.stderr
    assert ANSWER not in done.stdout


def handshake(host: Host, peer: TlsPeer, name: str) -> str:
    """What OpenSSL on the node says of a server, `name` being the address the certificate has to be for."""
    command = f"openssl s_client -connect {peer.address}:{peer.port} -verify_ip {name} -verify_return_error"
    said: str = host.run(f"timeout 30 {command} </dev/null 2>&1").stdout
    return said


@pytest.mark.needs(network=True, service="tls")
def test_openssl_accepts_the_house(host: Host, house_peer: TlsPeer) -> None:
    """OpenSSL on the node verifies the corporate certificate of a server."""
    said = handshake(host, house_peer, house_peer.address)
    # Without any certificate the return code is 0 as well.
    assert re.search(r"subject=.*imagekit harness peer", said), said[-600:]
    assert "Verify return code: 0 (ok)" in said


@pytest.mark.needs(network=True, service="tls")
def test_openssl_refuses_a_stranger(host: Host, strange_peer: TlsPeer) -> None:
    """OpenSSL on the node gives up on a certificate of an unknown authority."""
    said = handshake(host, strange_peer, strange_peer.address)
    assert re.search(r"verify error:num=(18|19|20|21)\b", said)
    assert "Verify return code: 0 (ok)" not in said


@pytest.mark.needs(network=True, service="tls")
def test_a_wrong_name_is_refused(host: Host, house_peer: TlsPeer) -> None:
    """A corporate certificate for another address is refused."""
    assert "IP address mismatch" in handshake(host, house_peer, "192.0.2.1")


def test_this_suite_tells_them_apart(house_peer: TlsPeer) -> None:
    """The test server is not trusted by this host already, or the checks above would prove nothing."""
    import socket

    context = ssl.create_default_context()
    context.check_hostname = False
    with (
        socket.create_connection(("127.0.0.1", house_peer.port), 10) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain)


def test_folder_is_not_open(facts: Facts) -> None:
    """Only root puts certificates into the node's trust."""
    folders = [
        facts.files[path] for path in ("/etc/ssl/certs", "/etc/pki/ca-trust/source/anchors") if path in facts.files
    ]
    assert folders
    assert all((folder.user, folder.mode & 0o022) == ("root", 0) for folder in folders)
