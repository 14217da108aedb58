"""The way to a machine on another host: ssh's tunnel, with a stand-in for the program ssh."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from imagekit.base.errors import ImagekitError
from imagekit.machine import sshhost
from imagekit.machine.domain import Forward
from imagekit.machine.errors import HypervisorError
from imagekit.machine.libvirt.daemon import answers
from imagekit.machine.ports import is_free
from imagekit.machine.sshhost import require_ssh, ssh_command
from imagekit.machine.tunnel import route

URI = "qemu+ssh://tester@lab.example/system"
# Listens where -L says and greets with its own arguments, as ssh would with what is behind the tunnel.
_LISTENS = """#!{python}
import socket, sys
here = int(sys.argv[sys.argv.index("-L") + 1].split(":")[1])
with socket.create_server(("127.0.0.1", here), reuse_port=False) as server:
    while True:
        peer, _ = server.accept()
        peer.sendall(" ".join(sys.argv[1:]).encode())
        peer.close()
"""
_REFUSES = """#!/bin/sh
echo 'tester@lab.example: Permission denied (publickey).' >&2
exit 255
"""


def plays(program: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a program named ssh first into PATH."""
    made = folder / "ssh"
    made.write_text(program.replace("{python}", sys.executable))
    made.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (URI, ["-l", "tester", "--", "lab.example"]),
        ("qemu+ssh://lab.example/system", ["--", "lab.example"]),
        ("qemu+ssh://lab.example:2222/system", ["-p", "2222", "--", "lab.example"]),
        ("qemu+ssh://root@[2001:db8::7]/session", ["-l", "root", "--", "2001:db8::7"]),
        ("qemu+ssh://lab.example/system?keyfile=/home/t/my%20key", ["-i", "/home/t/my key", "--", "lab.example"]),
        (
            "qemu+ssh://lab.example/system?no_verify=1",
            ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "--", "lab.example"],
        ),
        ("qemu+ssh://lab.example/system?no_verify=0", ["--", "lab.example"]),
    ],
)
def test_the_tunnel_connects_as_libvirt_does(uri: str, expected: list[str]) -> None:
    argv = ssh_command(uri)
    assert argv[0] == "ssh"
    assert argv[7:] == expected
    assert "BatchMode=yes" in argv


@pytest.mark.parametrize("uri", ["qemu+tls://lab.example/system", "qemu+tcp://lab.example/system", "qemu://lab/system"])
def test_a_host_that_is_not_reached_by_ssh_is_refused(uri: str) -> None:
    with pytest.raises(HypervisorError, match="cannot be logged in to") as caught, route(uri):
        pass
    assert "qemu+ssh://" in caught.value.hint


def test_no_host_name_is_an_option_of_ssh() -> None:
    assert ssh_command("qemu+ssh://-oProxyCommand=touch/system")[-2] == "--"


def test_on_this_host_there_is_nothing_between() -> None:
    forwards = (Forward(port=5000, host_port=4711),)
    with route("qemu:///system", forwards) as found:
        assert found.here == found.there
        assert found.forwards == forwards


def test_a_tunnel_leads_to_the_port_there_and_back_to_the_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays(_LISTENS, tmp_path, monkeypatch)
    with route(URI, (Forward(port=5000, host_port=4711),)) as found:
        with socket.create_connection(("127.0.0.1", found.here), timeout=10) as peer:
            arguments = peer.makefile().read().split()
        (forward,) = found.forwards
        assert f"127.0.0.1:{found.here}:127.0.0.1:{found.there}" in arguments
        assert f"127.0.0.1:{forward.host_port}:127.0.0.1:4711" in arguments
        assert "ExitOnForwardFailure=yes" in arguments
        assert len({found.here, found.there, forward.host_port}) == 3
        assert forward.port == 5000
    assert is_free(found.here)


def test_a_tunnel_that_is_not_made_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plays(_REFUSES, tmp_path, monkeypatch)
    with pytest.raises(HypervisorError, match="ssh made no tunnel") as caught, route(URI):
        pass
    assert "Permission denied (publickey)" in caught.value.hint
    assert "lab.example true` must succeed" in caught.value.hint


def test_a_host_is_asked_once_without_a_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plays(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n', tmp_path, monkeypatch)
    monkeypatch.setattr(sshhost, "_answered", set())
    require_ssh(URI)
    require_ssh(URI)
    require_ssh("qemu:///system")
    require_ssh("qemu+tls://lab.example/system")
    (asked,) = (tmp_path / "asked").read_text().splitlines()
    assert "ConnectTimeout=10" in asked
    assert "BatchMode=yes" in asked
    assert asked.endswith("-l tester -- lab.example true")


def test_a_host_that_lets_nobody_in_is_said_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plays(_REFUSES.replace("exit", f"echo x >>{tmp_path}/asked\nexit"), tmp_path, monkeypatch)
    monkeypatch.setattr(sshhost, "_answered", set())
    monkeypatch.setattr(sshhost, "_failed", {})
    for _again in range(2):
        with pytest.raises(HypervisorError, match=r"lab\.example is not reached by ssh: .*Permission denied") as caught:
            require_ssh(URI)
    assert "-l tester -- lab.example true` must succeed" in caught.value.hint
    assert not answers(URI)
    assert (tmp_path / "asked").read_text() == "x\n"  # a host that is off is not waited for again and again
    monkeypatch.setattr(sshhost, "_FAILED_SECONDS", -1.0)
    sshhost._failed.clear()
    assert not answers(URI)
    assert not answers(URI)
    assert (tmp_path / "asked").read_text() == "x\n" * 3


def test_without_the_program_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImagekitError, match="program not found"), route(URI):
        pass
