"""Whether an SSH server greets, asked without any authentication, so that no ban and no login limit can be hit."""

from __future__ import annotations

import socket
from types import TracebackType

from imagekit.base import process

_EVERY = 1.5
_LIFE = 8.0


class BannerProbe:
    """Reads greetings at 127.0.0.1 from a few overlapping connections.

    QEMU's user network takes a connection at once and passes it on when the guest is ready: one made before the
    guest's network is up may hang for long, and a young sshd needs a second or two to greet. So a new connection
    is made every 1.5 s while older ones live on for 8 s.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: list[tuple[socket.socket, float]] = []
        self._last = float("-inf")

    def __enter__(self) -> BannerProbe:
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        for connection, _ in self._open:
            connection.close()
        self._open = []

    def poll(self) -> bool:
        """Whether any connection was greeted; returns at once."""
        now = process.now()
        if now - self._last >= _EVERY:
            self._last = now
            self._connect(now)
        return any(self._greeted(connection, now - begun) for connection, begun in tuple(self._open))

    def _connect(self, now: float) -> None:
        try:
            connection = socket.create_connection(("127.0.0.1", self._port), 1.0)
        except OSError:
            return
        connection.setblocking(False)
        self._open.append((connection, now))

    def _greeted(self, connection: socket.socket, age: float) -> bool:
        try:
            words = connection.recv(64)
        except BlockingIOError:
            if age < _LIFE:
                return False
            words = b""
        except OSError:
            words = b""
        self._open = [(kept, begun) for kept, begun in self._open if kept is not connection]
        connection.close()
        return words.startswith(b"SSH-")
