"""The ssh_config that pins host and key, fresh keys, and the port held for QEMU."""

from __future__ import annotations

import socket
from pathlib import Path

from imagekit.machine.keys import fresh_pair
from imagekit.machine.ports import reserved_port
from imagekit.machine.ssh import shell_argv, write_target


def test_config_offers_one_key_and_pins_the_host(tmp_path: Path) -> None:
    client, host = fresh_pair(), fresh_pair()
    target = write_target(tmp_path, port=2222, user="kairos", client=client, host=host)
    lines = {line.strip() for line in target.config.read_text().splitlines()}
    assert {
        "IdentitiesOnly yes",
        "StrictHostKeyChecking yes",
        "PreferredAuthentications publickey",
        "ControlMaster no",
        f"ControlPath {tmp_path / 'control'}",
    } <= lines
    assert target.key.stat().st_mode & 0o777 == 0o600
    assert target.known_hosts.read_text() == f"node {host.public}\n"
    assert host.private not in target.config.read_text()


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
