"""Ask a Docker daemon who it is, over its UNIX socket or through the docker program; without the docker library."""

from __future__ import annotations

import http.client
import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from imagekit.base.errors import ToolError
from imagekit.base.process import ProcessError, ProcessTimeoutError, ProgramMissingError, run
from imagekit.base.strictjson import LIMIT as _LIMIT
from imagekit.base.strictjson import read_json

_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """Version of a Docker daemon, and whether it keeps images in containerd (which OCI output needs)."""

    version: str
    containerd_store: bool


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def engine_facts(host: str, *, timeout: float = _SECONDS) -> EngineFacts | None:
    """What the daemon at `host` (a DOCKER_HOST) says of itself; None when nobody answers within `timeout` seconds."""
    info = (
        _over_socket(host.removeprefix("unix://"), timeout) if host.startswith("unix://") else _over_cli(host, timeout)
    )
    if not isinstance(info, dict) or not info.get("ServerVersion"):
        return None
    driver = dict(pair for pair in info.get("DriverStatus") or [] if len(pair) == 2)
    store = str(driver.get("driver-type", "")).startswith("io.containerd.snapshotter")
    return EngineFacts(version=str(info["ServerVersion"]), containerd_store=store)


def _over_socket(path: str, timeout: float) -> Any:
    connection = _UnixConnection(path, timeout)
    try:
        connection.request("GET", "/info")
        answer = connection.getresponse()
        return (
            read_json(answer.read(_LIMIT + 1), "docker info", limit=_LIMIT) if answer.status == http.client.OK else None
        )
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def _over_cli(host: str, timeout: float) -> Any:
    try:
        done = run([docker_program(), "info", "--format", "{{json .}}"], timeout=timeout, env={"DOCKER_HOST": host})
        return read_json(done.stdout, "docker info", limit=_LIMIT)
    except (ProcessError, ProcessTimeoutError, ValueError):
        return None


@cache
def docker_program() -> Path:
    """The docker program that has buildx: on a machine with several, the first one on PATH is not always it.

    Raises `ProgramMissingError` when there is none.
    """
    for candidate in _candidates():
        try:
            run([candidate, "buildx", "version"], timeout=_SECONDS)
        except ToolError:
            continue
        return candidate
    raise ProgramMissingError(
        "no docker program with buildx found", hint="bin/setup installs docker-cli and docker-buildx."
    )


def _candidates() -> list[Path]:
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin"]
    found = [Path(folder) / "docker" for folder in folders if folder]
    return [path for path in dict.fromkeys(found) if os.access(path, os.X_OK)]
