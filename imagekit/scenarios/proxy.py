"""A small TCP proxy between a node and a registry, whose connection can be made to die."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK = 1 << 16
_POLL = 0.2


class Proxy:
    """Passes bytes to and from one server; after `limit` bytes to the client it drops every connection.

    `served` counts bytes that went to clients since `allow` was called last.
    """

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._lock = threading.Lock()
        self._limit: int | None = None
        self._closing = False
        self.served = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_POLL)
        self.port = int(self._listener.getsockname()[1])

    def allow(self, limit: int | None) -> None:
        """Let so many bytes through from now on, and nothing after them; None is no limit."""
        with self._lock:
            self.served, self._limit = 0, limit

    @property
    def dead(self) -> bool:
        """Whether the limit was reached."""
        with self._lock:
            return self._limit is not None and self.served >= self._limit

    def serve(self) -> None:
        """Accept until `close`."""
        while not self._closing:
            with suppress(TimeoutError):
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Accept nothing any more; open connections end within a moment."""
        self._closing = True
        self._listener.close()

    def _carry(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._upstream), timeout=10) as server:
            server.settimeout(None)
            if self.dead:
                return
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            self._pump(server, client, True)

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        """Pass on until one side ends; a sink may take its time, for an emulated one does."""
        try:
            while not self._closing and not (counted and self.dead):
                if not select.select([source], [], [], _POLL)[0]:
                    continue
                data = source.recv(_CHUNK)
                if not data:
                    break
                sink.sendall(self._granted(data) if counted else data)
        except (OSError, ValueError):
            pass  # the other side went away, or this proxy was closed, which is their right
        finally:
            for end in (source, sink):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _granted(self, data: bytes) -> bytes:
        with self._lock:
            if self._limit is not None:
                data = data[: max(0, self._limit - self.served)]
            self.served += len(data)
            return data


@contextmanager
def proxy(upstream: int) -> Iterator[Proxy]:
    """A proxy to a port of this machine's loopback, for the time of the block."""
    made = Proxy(upstream)
    thread = threading.Thread(target=_quietly, args=(made,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join(timeout=5)


def _quietly(made: Proxy) -> None:
    with suppress(OSError):  # the listener was closed
        made.serve()
