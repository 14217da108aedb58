"""The ssh_config that pins host and key, fresh keys, and the port held for QEMU."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from imagekit.base.errors import ToolError
from imagekit.base.process import Completed, run
from imagekit.base.waiting import Deadline
from imagekit.machine import ssh
from imagekit.machine.errors import ConnectionLostError
from imagekit.machine.keys import fresh_pair
from imagekit.machine.ports import reserved_port
from imagekit.machine.ssh import session, shell_argv, write_target
from tests.support.evil import KINDS


def test_config_offers_one_key_and_pins_the_host(tmp_path: Path) -> None:
    client, host = fresh_pair(), fresh_pair()
    target = write_target(tmp_path, port=2222, user="kairos", client=client, host=host)
    lines = {line.strip() for line in target.config.read_text().splitlines()}
    assert {
        "IdentitiesOnly yes",
        "StrictHostKeyChecking yes",
        "PreferredAuthentications publickey",
        "ControlMaster no",
        f'ControlPath "{tmp_path}/control"',
    } <= lines
    assert target.key.stat().st_mode & 0o777 == 0o600
    assert target.known_hosts.read_text() == f"node {host.public}\n"
    assert host.private not in target.config.read_text()


def test_a_path_that_ssh_cannot_be_told_is_refused(tmp_path: Path) -> None:
    """W5: ssh_config(5) fills in ``${NAME}`` and has no way to write it literally."""
    folder = tmp_path / "${HOME}"
    folder.mkdir()
    with pytest.raises(ToolError, match="ssh cannot be told"):
        write_target(folder, port=2222, user="kairos", client=fresh_pair(), host=fresh_pair())


@pytest.mark.parametrize("name", [kind for kind in KINDS if "${" not in str(kind.values[0])])
def test_ssh_itself_reads_the_paths_as_they_are(tmp_path: Path, name: str) -> None:
    """W5: a space ends a value of ssh_config(5), and ``%h`` is the host; seen by what ``ssh -G`` says."""
    folder = tmp_path / name
    folder.mkdir()
    target = write_target(folder, port=2222, user="kairos", client=fresh_pair(), host=fresh_pair())
    said = run(["ssh", "-G", "-F", target.config, target.alias], timeout=20).stdout.splitlines()
    # ssh prints IdentityFile as written and expands it when it is used; ControlPath is printed expanded.
    assert f"controlpath {folder / 'control'}" in said
    assert f"identityfile {os.fspath(target.key).replace('%', '%%')}" in said


def test_keys_are_fresh_and_not_shown() -> None:
    one, two = fresh_pair(), fresh_pair()
    assert one.public != two.public
    assert one.public.startswith("ssh-ed25519 ")
    assert "OPENSSH" not in repr(one)


def test_shell_goes_through_the_same_config(tmp_path: Path) -> None:
    target = write_target(tmp_path, port=1, user="kairos", client=fresh_pair(), host=fresh_pair())
    assert shell_argv(target) == ["ssh", "-F", str(target.config), "-t", "node"]


def test_a_reserved_port_can_be_listened_on_by_who_reuses_addresses() -> None:
    with reserved_port() as port, socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen()


def test_a_login_that_is_denied_says_where_the_account_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W27: a node that dropped its user data ended in a login that timed out, without a cause."""
    (tmp_path / "bin").mkdir()
    client = tmp_path / "bin/ssh"
    client.write_text("#!/bin/sh\necho 'n@127.0.0.1: Permission denied (publickey).' >&2\nexit 255\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(ssh, "_pause", lambda seconds: None)
    target = write_target(tmp_path, port=1, user="imagekit-test", client=fresh_pair(), host=fresh_pair())
    with (
        pytest.raises(ConnectionLostError, match="refused the login as imagekit-test") as caught,
        session(target, Deadline.after(30), lambda: None),
    ):
        raise AssertionError("nobody is logged in")
    assert "Permission denied (publickey)" in caught.value.hint
    assert "drops whole for one value that it cannot read" in caught.value.hint


def test_a_socket_that_a_killed_connection_left_is_no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was taken for the new connection's: two hundred checks logged in each for itself, until sshd had enough."""
    (tmp_path / "bin").mkdir()
    client, control = tmp_path / "bin/ssh", tmp_path / "control"
    client.write_text(f"#!/bin/sh\nsleep 0.3\ntouch '{tmp_path}/in' '{control}'\nexec sleep 30\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    target = write_target(tmp_path, port=1, user="imagekit-test", client=fresh_pair(), host=fresh_pair())
    control.touch()
    with session(target, Deadline.after(30), lambda: None):
        assert (tmp_path / "in").exists()


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        ("printf 'a\\0b\\377'", b"a\0b\xff"),
        ("true", b""),
        ("head -c 100 /dev/zero", bytes(100)),
        ("head -c 101 /dev/zero", "the journal on the node is larger than 100 bytes"),
        ("yes", "the journal on the node is larger than 100 bytes"),
        ("echo half; echo no journal >&2", "cannot read the journal on the node"),
        ("no-such-program", "cannot read the journal on the node"),
    ],
)
def test_what_a_command_writes_is_kept_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, kept: bytes | str
) -> None:
    target = write_target(tmp_path, port=2222, user="kairos", client=fresh_pair(), host=fresh_pair())

    def here(_target: object, text: str, *, timeout: float) -> Completed:
        return run(["sh", "-c", text], timeout=timeout, ok=range(256))

    monkeypatch.setattr(ssh, "run_as_root", here)
    local = tmp_path / "journal.log"
    if isinstance(kept, bytes):
        ssh.copy_output(target, command, "the journal", local, limit=100)
        assert local.read_bytes() == kept
        return
    with pytest.raises(ToolError, match=kept):
        ssh.copy_output(target, command, "the journal", local, limit=100)
    assert not local.exists()
