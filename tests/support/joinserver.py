"""A TLS server that admits one bootstrap token and knows nothing else: for what is seen before a cluster is asked."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

from imagekit.kube.pki import Authority
from tests.support.answering import answering
from tests.support.jointokens import BOOTSTRAP


@contextmanager
def served(
    authority: Authority, *, status: int = 200, date: datetime | None = None, address: str = "127.0.0.1"
) -> Iterator[str]:
    """A TLS server whose certificate an authority signed; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            admitted = self.headers["Authorization"] == f"Bearer {BOOTSTRAP}"
            self.send_response(status if admitted else 401)
            self.end_headers()

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string((date or datetime.now(UTC)).timestamp())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer((address, 0), Handler)
    pair = authority.server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with _file(pair.certificate + pair.key) as path:
        context.load_cert_chain(path)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with answering(server):
        yield f"https://{address}:{server.server_port}"


@contextmanager
def _file(data: bytes) -> Iterator[str]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        yield file.name
