"""imagekit cloudconfig token: by the token alone, by a server that answers, and by one that does not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from imagekit.base.errors import ConfigError
from imagekit.cli import cli
from imagekit.config.jointoken import Fault, read_join_token
from imagekit.kube.join import asked
from imagekit.kube.pki import Authority
from tests.support.joinserver import served
from tests.support.jointokens import BOOTSTRAP, SECRET, join_token

NOW = datetime.now(UTC)


def called(*words: str | Path) -> Result:
    done = CliRunner().invoke(cli, ["cloudconfig", "token", *map(str, words)], catch_exceptions=False)
    assert SECRET not in done.output
    return done


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(join_token() + "\n")
    return path


def test_a_right_token_is_shown_without_its_secret(good: Path) -> None:
    done = called(good)
    assert done.exit_code == 0, done.output
    assert "token abcdef of kubelet-bootstrap for https://k0s.example.com:6443" in done.output
    assert "nothing is wrong" in done.output


def test_a_wrong_role_ends_with_1(good: Path) -> None:
    done = called(good, "--role", "controller")
    assert done.exit_code == 1
    assert "wrong-role: a token for a worker" in done.output


def test_what_is_no_token_ends_with_1_in_json_too(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(BOOTSTRAP)
    done = called(path, "--json")
    assert done.exit_code == 1
    said = json.loads(done.output)
    assert (said["token"], said["wrong"][0]["fault"]) == (None, "not-base64")


@pytest.mark.parametrize("content", [b"", b"no pem", b"\xff\xfe"])
def test_an_authority_that_is_none_is_bad_usage(good: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ca.crt"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="no certificate in PEM"):
        called(good, "--authority", path)


def test_a_file_that_is_far_too_large_is_bad_usage(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(b"A" * ((1 << 20) + 1))
    with pytest.raises(ConfigError, match="larger than a join token"):
        called(path)


# ---- with a server ----


def faults(server: str, authority: Authority, *, now: datetime | None = None, token: str = BOOTSTRAP) -> list[Fault]:
    found = asked(
        read_join_token(join_token(server=server, ca=authority.pem, token=token)), now=now or datetime.now(UTC)
    )
    assert all(SECRET not in each.text + each.hint for each in found)
    return [each.fault for each in found]


def test_a_server_that_admits_the_token_is_content() -> None:
    authority = Authority()
    with served(authority) as server:
        assert faults(server, authority) == []


def test_a_token_that_the_server_does_not_know_is_named() -> None:
    authority = Authority()
    with served(authority) as server:
        assert faults(server, authority, token="abcdef.ffffffffffffffff") == [Fault.NOT_ADMITTED]


def test_a_certificate_of_another_authority_is_named() -> None:
    with served(Authority()) as server:
        assert faults(server, Authority()) == [Fault.WRONG_AUTHORITY]


def test_a_name_that_the_certificate_has_not_is_named() -> None:
    authority = Authority()
    with served(authority, address="127.0.0.2") as server:
        assert faults(server, authority) == [Fault.SERVER]


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_is_off_is_named(hours: int) -> None:
    authority = Authority()
    with served(authority, date=NOW + timedelta(hours=hours)) as server:
        assert faults(server, authority) == [Fault.CLOCK]


def test_a_control_plane_that_is_not_well_is_named() -> None:
    authority = Authority()
    with served(authority, status=503) as server:
        assert faults(server, authority) == [Fault.UNREACHABLE]


def test_nobody_there_is_named() -> None:
    authority = Authority()
    with served(authority) as server:
        pass
    assert faults(server, authority) == [Fault.UNREACHABLE]
