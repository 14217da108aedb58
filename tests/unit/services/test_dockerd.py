"""The engine: which daemons are fit, and how one is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

from imagekit.services.dockerapi import EngineFacts, engine_facts
from imagekit.services.dockerd import address, engine, prepare, unfit
from imagekit.services.model import ServiceError, runtime_folder
from tests.support.answering import answering

STORE = [["driver-type", "io.containerd.snapshotter.v1"]]


class Daemon(ThreadingUnixStreamServer):
    """A Docker daemon as far as /info goes."""

    answer: bytes = b"{}"


class Handler(BaseHTTPRequestHandler):
    """Answers /info."""

    def do_GET(self) -> None:
        """Send the prepared answer."""
        assert isinstance(self.server, Daemon)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def address_string(self) -> str:
        """UNIX sockets have no address to show."""
        return "local"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that answers at ``docker.sock`` in the temporary folder."""
    server = Daemon(str(tmp_path / "docker.sock"), Handler)
    with answering(server):
        yield server


def host(docker: Daemon) -> str:
    """DOCKER_HOST of a daemon."""
    return f"unix://{docker.server_address!s}"


@pytest.mark.parametrize(
    ("version", "store", "problem"),
    [
        ("26.1.5", True, ""),
        ("25.0.0", True, ""),
        ("26.1.5", False, "does not keep images in containerd"),
        ("24.0.9", True, "is version 24.0.9, 25 or newer is needed"),
        ("20.10.24+dfsg1", False, "is version 20.10.24+dfsg1, 25 or newer is needed"),
    ],
)
def test_fitness(version: str, store: bool, problem: str) -> None:
    assert unfit(EngineFacts(version=version, containerd_store=store)) == problem


def test_a_named_daemon_is_used_as_it_is(docker: Daemon, tmp_path: Path) -> None:
    docker.answer = json.dumps({"ServerVersion": "26.1.5", "DriverStatus": STORE}).encode()
    with engine(tmp_path, host(docker)) as found:
        assert (found.host, found.version, found.ours) == (host(docker), "26.1.5", False)


def test_a_named_daemon_without_the_store_is_refused(docker: Daemon, tmp_path: Path) -> None:
    docker.answer = json.dumps({"ServerVersion": "26.1.5", "DriverStatus": [["Backing Filesystem", "extfs"]]}).encode()
    with pytest.raises(ServiceError, match="does not keep images in containerd"), engine(tmp_path, host(docker)):
        pass


@pytest.mark.parametrize("answer", [b"", b"{", b"[]", b"null", b"{}", b'{"ServerVersion": ""}'])
def test_nonsense_is_no_daemon(docker: Daemon, answer: bytes) -> None:
    docker.answer = answer
    assert engine_facts(host(docker), timeout=2) is None


def test_a_socket_that_nobody_serves_is_no_daemon(tmp_path: Path) -> None:
    with (
        pytest.raises(ServiceError, match="no Docker daemon answers"),
        engine(tmp_path, f"unix://{tmp_path}/none.sock"),
    ):
        pass


def test_without_root_no_private_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ServiceError, match="needs root"):
        prepare(tmp_path)


def test_sockets_have_short_paths_of_their_own(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 80) / ("b" * 80)
    assert len(address(deep)) < 100
    assert runtime_folder(deep) != runtime_folder(tmp_path)
