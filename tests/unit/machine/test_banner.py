"""Greetings read from servers that greet late, refuse, say something else or are not there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from imagekit.base.waiting import Deadline, DeadlineError, wait_until
from imagekit.machine.banner import BannerProbe
from imagekit.machine.ports import reserved_port


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


def test_a_greeting_is_seen() -> None:
    with server(b"SSH-2.0-OpenSSH_10.0\r\n") as port, BannerProbe(port) as probe:
        assert seen(probe, 5)


def test_a_late_greeting_on_the_first_connection_is_seen() -> None:
    greet = threading.Event()
    with server(b"SSH-2.0-late\r\n", greet=greet) as port, BannerProbe(port) as probe:
        assert not probe.poll()
        greet.set()
        assert seen(probe, 5)


@pytest.mark.parametrize("words", [b"HTTP/1.1 400\r\n", b""])
def test_other_answers_are_no_greeting(words: bytes) -> None:
    with server(words) as port, BannerProbe(port) as probe:
        assert not seen(probe, 0.3)


def test_no_server_is_no_greeting() -> None:
    with reserved_port() as port, BannerProbe(port) as probe:
        assert not probe.poll()
