"""Machines on another host: a second libvirt, reached by `qemu+ssh` through a real SSH server on the loopback.

It is the same computer, so that its 127.0.0.1 is ours too; all that is between (libvirt's ssh, the tunnel, the folders
that both see) is what it is between two.
"""

from __future__ import annotations

import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.base.process import run
from imagekit.machine.boot import boot
from imagekit.machine.domain import Forward
from imagekit.machine.errors import BootFailedError, HypervisorError
from imagekit.machine.folder import owned_folder
from imagekit.machine.libvirt.connection import connection
from imagekit.machine.libvirt.load import host_load
from imagekit.machine.libvirt.provider import connect
from imagekit.machine.tunnel import route
from tests.integration.vm.test_qemu_user import base as base
from tests.integration.vm.test_qemu_user import request
from tests.integration.vm.test_qemu_user import work as work
from tests.support.machinefolders import machine_folders
from tests.support.sshd import SshServer, ssh_server
from tests.support.systemlibvirt import system_libvirt

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(shutil.which("sshd") is None, reason="no sshd in PATH: bin/setup dev gets it"),
]

_RELAY = """#!{python}
import os, socket, sys, threading
if "-U" not in sys.argv:
    sys.exit(1)
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[-1])

def sent():
    while data := os.read(0, 65536):
        peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)

threading.Thread(target=sent, daemon=True).start()
while data := peer.recv(65536):
    os.write(1, data)
"""


@pytest.fixture(scope="module")
def server(base: Path) -> Iterator[SshServer]:
    folder = base / "ssh"
    folder.mkdir(mode=0o700)
    with ssh_server(folder) as found:
        yield found


@pytest.fixture(scope="module")
def uri(base: Path, server: SshServer) -> Iterator[str]:
    """The other host's libvirt, with the distribution's defaults: QEMU is a user of its own there."""
    folder = base / "libvirt"
    folder.mkdir()
    with system_libvirt(folder) as local:
        path = local.partition("socket=")[2]
        relay = base / "nc"
        relay.write_text(_RELAY.format(python=sys.executable))
        relay.chmod(0o755)
        # Debian has libvirt's own helper for this, virt-ssh-helper, in a package that nothing else here needs.
        asked = f"socket={path}&keyfile={server.key}&no_verify=1&no_tty=1&proxy=netcat&netcat={relay}"
        yield f"qemu+ssh://root@127.0.0.1:{server.port}/system?{asked}"


@contextmanager
def listening(port: int, says: bytes) -> Iterator[None]:
    """A server on 127.0.0.1 that says one thing to whoever connects."""
    with socket.create_server(("127.0.0.1", port)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.sendall(says)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield
        thread.join(10)


def heard(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        return peer.makefile("rb").read()


def test_a_machine_starts_there_and_all_that_it_opens_lies_in_the_work_folder(
    uri: str, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders: list[Path] = []

    @contextmanager
    def recorded(run_id: str, base: Path | None = None) -> Iterator[Path]:
        with owned_folder(run_id, base) as folder:
            folders.append(folder)
            yield folder

    monkeypatch.setattr("imagekit.machine.boot.owned_folder", recorded)
    wanted = replace(request(work, uri), run_id="t-there", forwards=(Forward(port=443, host_port=9),))
    with pytest.raises(BootFailedError, match="I am up"), boot(wanted):
        pytest.fail("it booted")
    assert "I am up" in (work / "run/console.log").read_text()
    assert [folder.parent for folder in folders] == [work / "machines"]
    assert list((work / "machines").iterdir()) == []
    assert machine_folders(wanted.run_id) == []
    with connect(uri) as provider:
        assert provider.machines() == []


def test_the_tunnel_leads_to_the_machine_and_back_to_the_tests_servers(uri: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        here = held.getsockname()[1]
    with route(uri, (Forward(port=5000, host_port=here),)) as found:
        with listening(found.there, b"SSH-2.0-guest\r\n"):
            assert heard(found.here) == b"SSH-2.0-guest\r\n"
        with listening(here, b"a registry"):
            assert heard(found.forwards[0].host_port) == b"a registry"


def test_it_says_what_it_has(uri: str) -> None:
    found = host_load(uri)
    assert found.uri == uri
    assert found.computer
    assert found.cores >= 1
    assert found.busy == 0
    assert found.free_mib > 500


def test_a_host_that_does_not_see_the_work_folder_is_found_by_the_probe(uri: str, base: Path) -> None:
    """What is mounted here afterwards is not there, as a disk of this host alone would not be."""
    own = base / "own"
    own.mkdir()
    run(["mount", "-t", "tmpfs", "tmpfs", str(own)], timeout=10)
    try:
        work = own / ".imagekit"
        work.mkdir()
        with connect(uri) as provider, pytest.raises(HypervisorError, match="No such file"):
            provider.acceleration((work,))
    finally:
        run(["umount", str(own)], timeout=10)


def test_a_key_that_is_not_taken_is_said(uri: str, tmp_path: Path) -> None:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], timeout=30)
    wrong = uri.partition("&keyfile=")[0] + f"&keyfile={tmp_path}/other&no_verify=1&no_tty=1"
    with pytest.raises(HypervisorError, match="Permission denied"), connection(wrong):
        pass
    with pytest.raises(HypervisorError) as caught, route(wrong):
        pass
    assert "Permission denied" in caught.value.hint
