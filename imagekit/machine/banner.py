"""Whether an SSH server greets, asked without any authentication and rarely, so that no ban and no limit can be hit."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from imagekit.base import process

_MOST = 3
_CHUNK = 1 << 16
_PROMPT = b"login:"


@dataclass(frozen=True, slots=True)
class _Pace:
    """How often a new connection is made, and how long it may wait for a greeting, in seconds."""

    every: float
    life: float


# QEMU's user network takes a connection at once and passes it on when the guest is ready, trying again 6 s later and
# then each 12 s (libslirp, tcp_timer.h); a young sshd needs a second or two to greet. So quick boots are asked often.
# All that came while the guest had no network are passed on, also those that we have closed meanwhile; so of these
# there must be fewer than sshd counts, too.
_QUICK, _QUICK_SECONDS = _Pace(4.0, 12.0), 36.0
# On a slow boot sshd may listen for more than a minute before it greets, and then answers all that came: OpenSSH
# drops what is more than ten (MaxStartups), and bans for some seconds who came fifteen times without logging in
# (PerSourcePenalties, sshd_config(5)).
_SLOW = _Pace(12.0, 36.0)


@dataclass(slots=True)
class BannerProbe:
    """Reads greetings at 127.0.0.1 from at most three connections at a time.

    A prompt for a login in the console log after byte `since` is taken as a sign that a server is there now.
    """

    port: int
    console: Path
    since: int = 0
    clock: Callable[[], float] = process.now
    _open: list[tuple[socket.socket, float]] = field(default_factory=list)
    _begun: float = field(init=False)
    _last: float = float("-inf")
    _tail: bytes = b""

    def __post_init__(self) -> None:
        self._begun = self.clock()

    def __enter__(self) -> BannerProbe:
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        for connection, _ in self._open:
            connection.close()
        self._open = []

    def poll(self) -> bool:
        """Whether any connection was greeted; returns at once."""
        now = self.clock()
        pace = _QUICK if now - self._begun < _QUICK_SECONDS else _SLOW
        if self._prompted():
            self._connect(now, in_place_of_another=True)
        elif now - self._last >= pace.every:
            self._connect(now)
        return any(self._greeted(connection, now - begun > pace.life) for connection, begun in tuple(self._open))

    def _prompted(self) -> bool:
        """Whether the console asks for a login, and did not when it was read last."""
        with self.console.open("rb") as stream:
            stream.seek(self.since)
            data = stream.read(_CHUNK)
        self.since += len(data)
        text, self._tail = self._tail + data, (self._tail + data)[-len(_PROMPT) + 1 :]
        return _PROMPT in text

    def _connect(self, now: float, *, in_place_of_another: bool = False) -> None:
        if len(self._open) >= _MOST:
            if not in_place_of_another:
                return
            self._open.pop(0)[0].close()
        self._last = now
        try:
            connection = socket.create_connection(("127.0.0.1", self.port), 1.0)
        except OSError:
            return
        connection.setblocking(False)
        self._open.append((connection, now))

    def _greeted(self, connection: socket.socket, outlived: bool) -> bool:
        try:
            words = connection.recv(64)
        except BlockingIOError:
            if not outlived:
                return False
            words = b""
        except OSError:
            words = b""
        self._open = [(kept, begun) for kept, begun in self._open if kept is not connection]
        connection.close()
        return words.startswith(b"SSH-")
