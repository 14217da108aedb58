"""The real daemons, private to a temporary work folder."""

from __future__ import annotations

import http.client
import os
import signal
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from imagekit.app.servicecontrol import Service, down, status, up
from imagekit.base.process import alive, run
from imagekit.base.waiting import Deadline, wait_until
from imagekit.machine.libvirt import daemon as libvirtd
from imagekit.services import dockerd, mounts
from imagekit.services.dockerapi import docker_program
from imagekit.services.dockerd import address, engine
from imagekit.services.home import home
from imagekit.services.model import DaemonRecord, runtime_folder
from imagekit.services.registry import registry


@pytest.fixture
def free_address() -> str:
    """A loopback address that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.docker
def test_a_private_engine_builds_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    target = tmp_path / "image"
    with engine(tmp_path / "w") as private:
        assert private.ours
        run(
            [docker_program(), "buildx", "build", "--output", f"type=oci,dest={target},tar=false", tmp_path],
            timeout=120,
            env={"DOCKER_HOST": private.host, "BUILDX_NO_DEFAULT_LOAD": "1"},
        )
        pid = int((runtime_folder(tmp_path / "w") / "engine" / "docker.pid").read_text())
    assert (target / "index.json").is_file()
    assert not Path(f"/proc/{pid}").exists()
    assert not runtime_folder(tmp_path / "w").exists()


@pytest.mark.docker
def test_nothing_is_left_of_a_killed_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    private = dockerd.daemon(tmp_path)
    with engine(tmp_path):
        record = DaemonRecord.read(private.record)
        assert record is not None
        for pid in (record.guard, record.pid):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(record.pid), Deadline.after(20), what="the engine to end")
    with engine(tmp_path) as again:
        assert again.ours
    assert mounts.below(tmp_path, Path("/proc/self/mountinfo").read_text()) == []


@pytest.mark.registry
def test_the_embedded_registry_speaks_and_keeps_its_storage(tmp_path: Path, free_address: str) -> None:
    host, _, port = free_address.rpartition(":")
    with registry(tmp_path, free_address):
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request("POST", "/v2/imagekit/probe/blobs/uploads/")
        assert connection.getresponse().status == http.client.ACCEPTED
        connection.close()
    assert any((tmp_path / "registry").rglob("_uploads"))
    with pytest.raises(ConnectionRefusedError), socket.create_connection((host, int(port)), timeout=5):
        pass


@pytest.mark.vm
def test_libvirt_answers() -> None:
    with libvirtd.libvirt() as connection:
        assert libvirtd.answers(connection.uri)


@pytest.mark.docker
@pytest.mark.registry
def test_services_stay_up_until_down(tmp_path: Path, free_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    chosen = (Service.ENGINE, Service.REGISTRY)
    before = {one.name: one for one in status(tmp_path, free_address)}
    assert not before["engine"].running
    during = {one.name: one for one in up(tmp_path, free_address, chosen)}
    assert during["engine"].running
    assert during["engine"].kept
    assert during["engine"].address == address(tmp_path)
    assert during["registry"].running
    with engine(tmp_path) as shared:
        assert shared.host == address(tmp_path)
    after = {one.name: one for one in down(tmp_path, free_address, chosen)}
    assert not after["engine"].running
    assert not after["registry"].running


@pytest.mark.registry
def test_two_checkouts_publish_side_by_side_and_keep_their_ports(tmp_path: Path) -> None:
    """W2: both had 127.0.0.1:5055, and the second one failed at the end of its run."""
    works = [tmp_path / "one" / ".imagekit", tmp_path / "two" / ".imagekit"]
    with ExitStack() as stack:
        first = [stack.enter_context(registry(work, home(work).address)).address for work in works]
        assert len(set(first)) == 2
        for address in first:
            assert status_of(address, "/v2/") == 200
    assert [home(work).address for work in works] == first
    with ExitStack() as stack:
        again = [stack.enter_context(registry(work, home(work).address)).address for work in works]
        assert again == first
        shown = {one.name: one for one in status(works[0], first[0])}
        assert (shown["registry"].address, shown["registry"].running, shown["registry"].ours) == (first[0], True, True)


def status_of(address: str, path: str) -> int:
    """What a registry answers."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()
