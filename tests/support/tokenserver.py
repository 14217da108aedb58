"""A token server as registries know it: Basic in, a signed token for the asked scopes out.

https://distribution.github.io/distribution/spec/auth/jwt/
"""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.support.answering import answering
from tests.support.certificates import loopback_certificate

ISSUER, SERVICE = "tests", "registry of the tests"


@contextmanager
def token_server(folder: Path, users: Mapping[str, str], allowed: Mapping[str, list[str]]) -> Iterator[dict[str, Any]]:
    """Run one and yield the `auth` settings of a registry that trusts it; `allowed` gives actions by repository."""
    public, _ = loopback_certificate(folder)
    loaded = serialization.load_pem_private_key((folder / "server.key").read_bytes(), password=None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    key: ec.EllipticCurvePrivateKey = loaded
    chain = base64.b64encode(ssl.PEM_cert_to_DER_cert(public.read_text())).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not _known(self.headers.get("Authorization", ""), users):
                self.send_response(401)
                self.end_headers()
                return
            scopes = parse_qs(urlsplit(self.path).query).get("scope", [])
            body = json.dumps({"token": _token(key, chain, [_access(scope, allowed) for scope in scopes])}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Tests have nothing to tell."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with answering(server):
        realm = f"http://127.0.0.1:{server.server_address[1]}/token"
        yield {"token": {"realm": realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(public)}}


def _known(header: str, users: Mapping[str, str]) -> bool:
    given = base64.b64decode(header.removeprefix("Basic ") or "").decode()
    name, _, password = given.partition(":")
    return bool(name) and users.get(name) == password


def _access(scope: str, allowed: Mapping[str, list[str]]) -> dict[str, Any]:
    kind, name, actions = scope.split(":")
    granted = [action for action in actions.split(",") if action in allowed.get(name, [])]
    return {"type": kind, "name": name, "actions": granted}


def _token(key: ec.EllipticCurvePrivateKey, certificate: str, access: list[dict[str, Any]]) -> str:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": SERVICE,
        "sub": "someone",
        "exp": now + 300,
        "nbf": now - 10,
        "iat": now,
        "jti": "1",
        "access": access,
    }
    head = {"typ": "JWT", "alg": "ES256", "x5c": [certificate]}
    signed = f"{_part(json.dumps(head).encode())}.{_part(json.dumps(claims).encode())}"
    first, second = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{_part(first.to_bytes(32, 'big') + second.to_bytes(32, 'big'))}"


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
