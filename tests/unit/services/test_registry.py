"""The embedded registry's address and port."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.services import ports
from imagekit.services.registry import PortTakenError, loopback, prepare, split


@pytest.mark.parametrize(
    ("address", "parts"),
    [("127.0.0.1:20555", ("127.0.0.1", 20555)), ("localhost:1", ("localhost", 1)), ("[::1]:5000", ("::1", 5000))],
)
def test_loopback_addresses_are_taken(address: str, parts: tuple[str, int]) -> None:
    assert split(address) == parts
    assert loopback(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "0.0.0.0:5000",
        "example.org:443",
        "",
        "127.0.0.1:\u00b2",
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="not a loopback address"):
        split(address)


def test_a_taken_port_is_refused_by_name(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert not ports.free("127.0.0.1", port)
        with pytest.raises(PortTakenError, match=f"taken by .* .process {os.getpid()}"):
            prepare(tmp_path, f"127.0.0.1:{port}")


def test_configuration_is_written_once_and_kept_private(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    config = Path(prepare(tmp_path, f"127.0.0.1:{port}").argv[-1])
    first = config.read_text()
    prepare(tmp_path, f"127.0.0.1:{port}")
    assert config.read_text() == first
    assert config.stat().st_mode & 0o777 == 0o600
    settings = json.loads(first)
    assert settings["storage"]["delete"] == {"enabled": True}
    assert settings["storage"]["filesystem"]["rootdirectory"] == str(tmp_path / "registry")
