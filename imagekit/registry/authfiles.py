"""The files in which docker and podman keep what people logged in with.

docker: https://docs.docker.com/reference/cli/docker/login/ (`config.json`, its folder in DOCKER_CONFIG).
podman, buildah, skopeo: containers-auth.json(5), REGISTRY_AUTH_FILE names one file in place of all.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from imagekit.base.errors import ConfigError, RefusedError
from imagekit.base.strictjson import read_object

_DOCKER_TEXT = "DOCKER_AUTH_CONFIG"  # docker 28.3 and GitLab's runner: the content itself, `auths` alone


def auth_files(environ: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """What each of the files says, the first that counts first; raises `ConfigError` for one that cannot be read."""
    text = environ.get(_DOCKER_TEXT, "")
    if text.strip():
        yield _parsed(text.encode(), f"the environment's {_DOCKER_TEXT}")
    named = environ.get("REGISTRY_AUTH_FILE", "")
    if named:
        yield _file(Path(named), "REGISTRY_AUTH_FILE", wanted=True)
    folder = environ.get("DOCKER_CONFIG", "")
    if folder and not Path(folder).is_dir() and Path(folder).exists():
        raise ConfigError(
            f"DOCKER_CONFIG={folder} is a file; docker's variable names the folder of config.json",
            hint=f"Set DOCKER_CONFIG={Path(folder).parent}.",
        )
    home = environ.get("HOME") or _home()
    yield _file(Path(folder or f"{home}/.docker") / "config.json", "DOCKER_CONFIG")
    if not named:
        running = environ.get("XDG_RUNTIME_DIR") or f"/run/containers/{os.getuid()}"
        within = "containers/auth.json" if environ.get("XDG_RUNTIME_DIR") else "auth.json"
        yield _file(Path(running) / within, "REGISTRY_AUTH_FILE")
        yield _file(
            Path(environ.get("XDG_CONFIG_HOME") or f"{home}/.config") / "containers/auth.json", "REGISTRY_AUTH_FILE"
        )


def _home() -> str:
    """As docker does where HOME is not set, in units and cron's jobs: what the password database says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return "/"


def _file(path: Path, variable: str, *, wanted: bool = False) -> Mapping[str, Any]:
    try:
        return _parsed(path.read_bytes(), str(path), variable)
    except (FileNotFoundError, NotADirectoryError):
        if not wanted:
            return {}
        raise ConfigError(f"{variable}={path}: no such file", hint=f"Correct {variable}, or unset it.") from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}",
            hint=f"Give it to this user (`sudo docker login` leaves it to root), or name another in {variable}.",
        ) from None


def _parsed(raw: bytes, where: str, variable: str = "") -> Mapping[str, Any]:
    """The object in a file; an empty file is one with nothing in it, as docker has it."""
    if not raw.strip():
        return {}
    if raw.startswith(b"\xef\xbb\xbf"):
        raise ConfigError(
            f"{where} cannot be read: it begins with a byte order mark",
            hint="Save it as UTF-8 without one.",
        )
    try:
        return read_object(raw, where)
    except RefusedError:
        raise ConfigError(
            f"{where} cannot be read: not one object of JSON that all readers take alike",
            hint=f"Repair it, or name another in {variable}." if variable else "Repair it.",
        ) from None
