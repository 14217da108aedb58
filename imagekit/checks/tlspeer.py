"""HTTPS servers on this host that a guest connects to: one signed by the corporate CA, one by a CA nobody knows.

They listen on 127.0.0.1 only, on ports the kernel chose; the machine forwards an address of the guest's network to them
(`guestfwd` of https://www.qemu.org/docs/master/system/invocation.html#hxtool-5).
"""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagekit.fixtures.certificates import authority

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
    from cryptography.x509 import Certificate

ANSWER = "imagekit-harness-peer"
GUEST_ADDRESS = "10.0.2.100"


@dataclass(frozen=True, slots=True)
class TlsPeer:
    """Where the guest reaches the server: `address` in its own network; `port` is the one on 127.0.0.1 as well."""

    address: str
    port: int

    @property
    def url(self) -> str:
        """The server's root."""
        return f"https://{self.address}:{self.port}/"


@dataclass(frozen=True, slots=True)
class Peers:
    """Both servers, running; the machine has to forward each one's address and port to the same port of 127.0.0.1."""

    trusted: TlsPeer
    untrusted: TlsPeer


@contextmanager
def both_peers(ca: Path, address: str = GUEST_ADDRESS) -> Iterator[Peers]:
    """Both servers for the time of the block, their certificates made out to `address`.

    Start them before the machine, whose network forwards to them. Raises `ConfigError` when `ca` holds no CA.
    """
    with trusted_peer(ca, address) as trusted, untrusted_peer(address) as untrusted:
        yield Peers(trusted, untrusted)


class _Handler(BaseHTTPRequestHandler):
    timeout = 20

    def do_GET(self) -> None:
        body = (ANSWER + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The handshake happens in the connection's own thread, so that a silent client blocks nobody."""
        request.settimeout(_Handler.timeout)
        with self._context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        return  # a client that refuses the certificate ends the handshake: that is what one of the checks is about


@contextmanager
def trusted_peer(ca: Path, address: str) -> Iterator[TlsPeer]:
    """A server whose certificate was signed by the CA of the folder `ca`.

    The folder holds one ``*.key`` and its certificate in a ``*.pem``; raises `ConfigError` when it does not.
    """
    issuer, key = authority(ca)
    with _served(issuer, key, address) as peer:
        yield peer


@contextmanager
def untrusted_peer(address: str) -> Iterator[TlsPeer]:
    """A server whose certificate was signed by a CA made for this occasion and kept nowhere."""
    key = _new_key()
    with _served(_certificate("Unknown Authority", key, None), key, address) as peer:
        yield peer


@contextmanager
def _served(issuer: Certificate, issuer_key: CertificateIssuerPrivateKeyTypes, address: str) -> Iterator[TlsPeer]:
    server = _Server(_context(issuer, issuer_key, address))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield TlsPeer(address, server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _context(issuer: Certificate, issuer_key: CertificateIssuerPrivateKeyTypes, address: str) -> ssl.SSLContext:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = _new_key()
    leaf = _certificate("imagekit harness peer", key, (issuer, issuer_key, address))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(suffix=".pem") as both:  # mode 0600; ssl takes files only
        both.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        both.write(leaf.public_bytes(Encoding.PEM) + issuer.public_bytes(Encoding.PEM))
        both.flush()
        context.load_cert_chain(both.name)
    return context


def _new_key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _certificate(
    name: str,
    key: EllipticCurvePrivateKey,
    signed_by: tuple[Certificate, CertificateIssuerPrivateKeyTypes, str] | None,
) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    # A guest's clock may be behind by the age of a snapshot.
    start = datetime.now(UTC) - timedelta(days=2)
    ca = signed_by is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if signed_by is None else signed_by[0].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if signed_by is not None:
        alternative = x509.IPAddress(ipaddress.ip_address(signed_by[2]))
        builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    return builder.sign(key if signed_by is None else signed_by[1], SHA256())
