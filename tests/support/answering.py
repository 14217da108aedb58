"""A server of socketserver that answers in a thread for as long as a block lasts, and ends with it at once."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import TCPServer


@contextmanager
def answering(server: TCPServer) -> Iterator[None]:
    """Answer until the block ends, then close."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread, which else looks up twice a second
        server.shutdown()
        thread.join()
        server.server_close()
