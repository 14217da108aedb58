"""Greetings read from servers that greet late, refuse, say something else or are not there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imagekit.base.waiting import Deadline, DeadlineError, wait_until
from imagekit.machine.banner import BannerProbe
from imagekit.machine.ports import reserved_port


@pytest.fixture
def console(tmp_path: Path) -> Path:
    """An empty console log."""
    log = tmp_path / "console.log"
    log.touch()
    return log


@contextmanager
def server(words: bytes, *, greet: threading.Event | None = None) -> Iterator[int]:
    """A server that says one thing to one client, when it may; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                if greet is None or greet.wait(10):
                    connection.sendall(words)

        thread = threading.Thread(target=answer)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join()


def seen(probe: BannerProbe, seconds: float) -> bool:
    """Whether a greeting comes in time."""
    try:
        return wait_until(probe.poll, Deadline.after(seconds), what="a greeting", every=0.01)
    except DeadlineError:
        return False


def test_a_greeting_is_seen(console: Path) -> None:
    with server(b"SSH-2.0-OpenSSH_10.0\r\n") as port, BannerProbe(port, console) as probe:
        assert seen(probe, 5)


def test_a_late_greeting_on_the_first_connection_is_seen(console: Path) -> None:
    greet = threading.Event()
    with server(b"SSH-2.0-late\r\n", greet=greet) as port, BannerProbe(port, console) as probe:
        assert not probe.poll()
        greet.set()
        assert seen(probe, 5)


@pytest.mark.parametrize("words", [b"HTTP/1.1 400\r\n", b""])
def test_other_answers_are_no_greeting(console: Path, words: bytes) -> None:
    with server(words) as port, BannerProbe(port, console) as probe:
        assert not seen(probe, 0.3)


def test_no_server_is_no_greeting(console: Path) -> None:
    with reserved_port() as port, BannerProbe(port, console) as probe:
        assert not probe.poll()


class Silent:
    """A server that takes connections and never greets, with a clock of its own."""

    def __init__(self, listener: socket.socket) -> None:
        self.now = 0.0
        self.taken: list[socket.socket] = []
        self.moments: list[float] = []
        self._listener = listener
        listener.setblocking(False)

    def clock(self) -> float:
        """Its own time."""
        return self.now

    def waiting(self) -> int:
        """How many clients are still there."""
        here = 0
        for connection in self.taken:
            try:
                here += connection.recv(1, socket.MSG_PEEK) != b""
            except BlockingIOError:
                here += 1
        return here

    def accept(self) -> None:
        """Take whoever came."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            connection.setblocking(False)
            self.taken.append(connection)
            self.moments.append(self.now)

    def wait(self, probe: BannerProbe, until: float) -> int:
        """Let the probe look four times a second; returns the most clients that were there at once."""
        most = 0
        while self.now < until:
            assert not probe.poll()
            self.accept()
            most = max(most, self.waiting())
            self.now += 0.25
        return most


@pytest.fixture
def silent() -> Iterator[tuple[Silent, int]]:
    """A silent server and its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Silent(listener)
        yield made, int(listener.getsockname()[1])
        for connection in made.taken:
            connection.close()


def test_a_server_that_is_slow_to_greet_is_asked_rarely(console: Path, silent: tuple[Silent, int]) -> None:
    """K5: sshd listened for 80 s before it greeted, and forty probes were there, which it answered with a penalty."""
    made, port = silent
    made.now = 1000.0
    with BannerProbe(port, console, clock=made.clock) as probe:
        most = made.wait(probe, 1000 + 59)
        before = len(made.moments)
        most = max(most, made.wait(probe, 1000 + 139))
    assert most <= 3
    assert len(made.moments) - before < 10


def test_a_quick_boot_is_asked_often(console: Path, silent: tuple[Silent, int]) -> None:
    made, port = silent
    with BannerProbe(port, console, clock=made.clock) as probe:
        made.wait(probe, 30.0)
    assert max(later - earlier for earlier, later in zip(made.moments, made.moments[1:], strict=False)) <= 4.5


def test_a_boot_of_two_minutes_is_asked_less_often_than_sshd_counts(console: Path, silent: tuple[Silent, int]) -> None:
    """QEMU's network passes on all that came before the guest had one: thirty of them, and sshd shut its door for
    the connection that was made after the node had been saved."""
    made, port = silent
    with BannerProbe(port, console, clock=made.clock) as probe:
        made.wait(probe, 60.0)
        assert len(made.moments) <= 12
        made.wait(probe, 120.0)
    last_minute = [moment for moment in made.moments if moment > 60]
    assert len(last_minute) <= 6


def test_a_prompt_on_the_console_is_a_reason_to_ask(console: Path, silent: tuple[Silent, int]) -> None:
    made, port = silent
    console.write_bytes(b"an earlier login: ")
    with BannerProbe(port, console, console.stat().st_size, clock=made.clock) as probe:
        made.wait(probe, 120.0)
        before = len(made.moments)
        with console.open("ab") as stream:
            stream.write(b"node log")
            stream.flush()
            made.wait(probe, 120.5)
            assert len(made.moments) == before
            stream.write(b"in: ")
        assert made.wait(probe, 121.0) <= 3
    assert len(made.moments) == before + 1
