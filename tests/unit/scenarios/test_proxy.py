"""The proxy passes bytes on, and dies when it is told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from imagekit.base.waiting import Deadline, wait_until
from imagekit.scenarios.proxy import Proxy, proxy

DATA = bytes(range(256)) * 32768


def answer(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.recv(16)
            try:
                connection.sendall(DATA)
            except OSError:
                continue


@pytest.fixture
def way() -> Iterator[Proxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, args=(listener,), daemon=True).start()
        with proxy(listener.getsockname()[1]) as made:
            yield made
        listener.shutdown(socket.SHUT_RDWR)


def fetched(way: Proxy) -> bytes:
    with socket.create_connection(("127.0.0.1", way.port), timeout=10) as client:
        client.sendall(b"all of it\n")
        found = b""
        try:
            while data := client.recv(1 << 16):
                found += data
        except ConnectionResetError:
            return found
        return found


def test_all_bytes_pass_and_are_counted(way: Proxy) -> None:
    assert fetched(way) == DATA
    assert way.served == len(DATA)
    assert not way.dead


def test_a_reader_may_take_its_time(way: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", way.port), timeout=10) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        client.sendall(b"all of it\n")
        pause = Deadline.after(1.0)
        wait_until(lambda: pause.passed, Deadline.after(5.0), what="a slow reader")
        found = b""
        while data := client.recv(1 << 16):
            found += data
    assert found == DATA


def test_it_dies_after_so_many_bytes_and_serves_again(way: Proxy) -> None:
    way.allow(100_000)
    assert fetched(way) == DATA[:100_000]
    assert way.dead
    assert fetched(way) == b""
    way.allow(None)
    assert fetched(way) == DATA
