"""Credentials belong to one host and are read from where people keep them."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.registry.credentials import Credentials, find_credentials

AUTH = base64.b64encode(b"me:pass:word").decode()


def config(folder: Path, value: object) -> dict[str, str]:
    (folder / "config.json").write_text(value if isinstance(value, str) else json.dumps(value))
    return {"DOCKER_CONFIG": str(folder)}


def test_none_without_any_file(tmp_path: Path) -> None:
    assert find_credentials("r.example", {"HOME": str(tmp_path)}) is None


def test_environment_counts_for_the_host_it_names_only(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "IMAGEKIT_REGISTRY_HOST": "r.example:5000",
        "IMAGEKIT_REGISTRY_USERNAME": "me",
        "IMAGEKIT_REGISTRY_PASSWORD": "secret",
    }
    assert find_credentials("r.example:5000", environ) == Credentials("me", "secret")
    assert find_credentials("r.example", environ) is None
    assert find_credentials("evil.example", environ) is None


def test_docker_config_entry(tmp_path: Path) -> None:
    environ = config(tmp_path, {"auths": {"r.example": {"auth": AUTH}, "https://s.example": {"auth": AUTH}}})
    assert find_credentials("r.example", environ) == Credentials("me", "pass:word")
    assert find_credentials("s.example", environ) == Credentials("me", "pass:word")
    assert find_credentials("r.example.evil", environ) is None


@pytest.mark.parametrize("auth", ["???", base64.b64encode(b"nocolon").decode()])
def test_damaged_entry_is_named_without_its_content(tmp_path: Path, auth: str) -> None:
    with pytest.raises(ConfigError, match=r"r\.example") as caught:
        find_credentials("r.example", config(tmp_path, {"auths": {"r.example": {"auth": auth}}}))
    assert auth not in str(caught.value)


def test_damaged_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.json"):
        find_credentials("r.example", config(tmp_path, "{"))


def test_helper_is_asked_by_its_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-fake"
    helper.write_text(
        "#!/bin/sh\nread host\n"
        '[ "$1 $host" = "get r.example" ] || exit 1\n'
        'echo "{\\"Username\\":\\"me\\",\\"Secret\\":\\"s\\"}"\n'
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    environ = config(tmp_path, {"credsStore": "fake"})
    assert find_credentials("r.example", environ) == Credentials("me", "s")
    assert find_credentials("other.example", environ) is None


def test_missing_helper_means_anonymous(tmp_path: Path) -> None:
    assert find_credentials("r.example", config(tmp_path, {"credHelpers": {"r.example": "not-there"}})) is None
