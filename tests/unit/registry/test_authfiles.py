"""The files of docker and podman, where they lie and how people leave them."""

from __future__ import annotations

import base64
import json
import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from imagekit.base.errors import ConfigError
from imagekit.registry import credentials
from imagekit.registry.credentials import Credentials, find_credentials

ME, OTHER = Credentials("me", "secret"), Credentials("other", "secret")


def _auths(**keys: Credentials) -> str:
    entries = {key.replace("_", "."): {"auth": each.basic().removeprefix("Basic ")} for key, each in keys.items()}
    return json.dumps({"auths": entries})


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}


@pytest.mark.parametrize("place", [".docker/config.json", "run/containers/auth.json", ".config/containers/auth.json"])
def test_the_places(tmp_path: Path, home: dict[str, str], place: str) -> None:
    """`docker login`, `podman login`, and podman's file that outlives a reboot."""
    _write(tmp_path / place, _auths(r_example=ME))
    assert find_credentials("r.example", home) == ME
    assert find_credentials("s.example", home) is None


def test_one_place_has_what_another_lacks(tmp_path: Path, home: dict[str, str]) -> None:
    _write(tmp_path / ".docker/config.json", _auths(r_example=ME))
    _write(tmp_path / "run/containers/auth.json", _auths(r_example=OTHER, s_example=OTHER))
    assert find_credentials("r.example", home) == ME
    assert find_credentials("s.example", home) == OTHER
    named = {**home, "REGISTRY_AUTH_FILE": str(_write(tmp_path / "ci.json", _auths(r_example=OTHER)))}
    assert find_credentials("r.example", named) == OTHER
    assert find_credentials("s.example", named) is None


def test_the_content_in_a_variable(home: dict[str, str]) -> None:
    """docker 28.3 and the runner of GitLab."""
    assert find_credentials("r.example", {**home, "DOCKER_AUTH_CONFIG": _auths(r_example=ME)}) == ME
    with pytest.raises(ConfigError, match="DOCKER_AUTH_CONFIG"):
        find_credentials("r.example", {**home, "DOCKER_AUTH_CONFIG": "$VARIABLE"})


def test_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit of systemd has none: the password database says where it is, as for docker."""
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_dir=str(tmp_path)))
    _write(tmp_path / ".docker/config.json", _auths(r_example=ME))
    assert find_credentials("r.example", {}) == ME


@pytest.mark.parametrize("content", ["", "\n", "{}", '{"auths": null, "credHelpers": null, "credsStore": ""}'])
def test_a_file_with_nothing_in_it(tmp_path: Path, home: dict[str, str], content: str) -> None:
    """docker leaves an empty one after a full disk, and takes it as empty."""
    _write(tmp_path / ".docker/config.json", content)
    assert find_credentials("r.example", home) is None


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf{}", b"{'auths': {}}", b"[]", b'{"a":1}{"b":2}'])
def test_a_file_that_is_damaged_is_named(tmp_path: Path, home: dict[str, str], content: bytes) -> None:
    _write(tmp_path / ".docker/config.json", "").write_bytes(content)
    with pytest.raises(ConfigError, match=r"\.docker/config\.json cannot be read"):
        find_credentials("r.example", home)


def test_a_variable_that_leads_nowhere(tmp_path: Path, home: dict[str, str]) -> None:
    """It was set for a reason: no anonymous push, and no other account's."""
    path = _write(tmp_path / "config.json", _auths(r_example=ME))
    with pytest.raises(ConfigError, match="is a file; docker's variable names the folder") as caught:
        find_credentials("r.example", {**home, "DOCKER_CONFIG": str(path)})
    assert str(tmp_path) in caught.value.hint
    with pytest.raises(ConfigError, match="REGISTRY_AUTH_FILE=/no/such: no such file"):
        find_credentials("r.example", {**home, "REGISTRY_AUTH_FILE": "/no/such"})


@pytest.mark.skipif(os.getuid() != 0, reason="root reads all: a file that cannot be read is a folder here")
def test_a_file_that_may_not_be_read(tmp_path: Path, home: dict[str, str]) -> None:
    (tmp_path / ".docker/config.json").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"config\.json cannot be read: Is a directory"):
        find_credentials("r.example", home)


def test_base64_with_line_ends(tmp_path: Path, home: dict[str, str]) -> None:
    """`base64` breaks lines at 76 characters, and Go's decoder passes over that; so do people's files."""
    long = Credentials("me", "p" * 90)
    text = base64.encodebytes(f"me:{long.password}".encode()).decode()
    _write(tmp_path / ".docker/config.json", json.dumps({"auths": {"r.example": {"auth": text}}}))
    assert find_credentials("r.example", home) == long


@pytest.mark.parametrize(
    ("repository", "found"),
    [
        ("team/a", "a"),
        ("team/a/node", "a"),
        ("team/ab", "team"),
        ("team", "team"),
        ("teams", "host"),
        ("v2/x", "host"),
        ("", "host"),
    ],
)
def test_a_key_with_a_path_counts_for_what_is_below_it(
    tmp_path: Path, home: dict[str, str], repository: str, found: str
) -> None:
    keys = {
        "r.example/team/a": "a",
        "https://r.example/team/": "team",
        "r.example": "host",
        "https://r.example/v2/": "v",
    }
    entries = {key: {"username": name, "password": "p"} for key, name in keys.items()}
    _write(tmp_path / "run/containers/auth.json", json.dumps({"auths": entries}))
    assert find_credentials("r.example", home, repository=repository) == Credentials(found, "p")


def _helper(tmp_path: Path, home: dict[str, str], script: str) -> dict[str, str]:
    program = _write(tmp_path / "bin/docker-credential-corp", f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    sections = {"credsStore": "corp", "auths": {"r.example": {"username": "me", "password": "secret"}}}
    _write(tmp_path / ".docker/config.json", json.dumps(sections))
    return {**home, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    "said",
    ["echo hello", "printf '\\377\\376'", "exit 0", 'echo \'note: soon over\'; echo \'{"Username":"u","Secret":"s"}\''],
    ids=["words", "bytes", "nothing", "note"],
)
def test_a_helper_that_prints_what_is_no_answer(tmp_path: Path, home: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=r"docker-credential-corp gave no usable answer for r\.example") as caught:
        find_credentials("r.example", _helper(tmp_path, home, said))
    assert "echo r.example | docker-credential-corp get" in caught.value.hint


def test_a_helper_that_waits_for_somebody(
    tmp_path: Path, home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """pass with a pinentry, a keyring that nobody unlocked."""
    monkeypatch.setattr(credentials, "_HELPER_SECONDS", 0.3)
    with pytest.raises(ConfigError, match="docker-credential-corp did not say within") as caught:
        find_credentials("r.example", _helper(tmp_path, home, "sleep 30"))
    assert "keyring" in caught.value.hint


def test_a_helper_that_cannot_be_run_leaves_the_entry(
    tmp_path: Path, home: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """docker-credential-desktop.exe under WSL, a binary of another architecture."""
    environ = _helper(tmp_path, home, "")
    (tmp_path / "bin/docker-credential-corp").write_bytes(b"MZ\x90\0")
    assert find_credentials("r.example", environ) == ME
    assert "docker-credential-corp cannot be run: Exec format error" in caplog.text
