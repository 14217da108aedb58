"""Ask a Docker daemon who it is, by the Docker SDK: over its UNIX socket, TCP with or without TLS, or ssh."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any

from imagekit.base.errors import ToolError
from imagekit.base.process import ProgramMissingError, run

_SECONDS = 10.0
_API = "1.41"  # of Docker 20.10, older than any engine that is taken; a fixed one saves a request that finds it out


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """Version of a Docker daemon, and whether it keeps images in containerd (which OCI output needs)."""

    version: str
    containerd_store: bool


def engine_facts(
    host: str, *, timeout: float = _SECONDS, environ: Mapping[str, str] = os.environ
) -> EngineFacts | None:
    """What the daemon at `host` (a DOCKER_HOST) says of itself; None when nobody answers within `timeout` seconds.

    Certificates for TLS are those of DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, as the docker program takes them.
    """
    info = _info(host, timeout, environ)
    if not isinstance(info, dict) or not info.get("ServerVersion"):
        return None
    driver = dict(pair for pair in info.get("DriverStatus") or [] if len(pair) == 2)
    store = str(driver.get("driver-type", "")).startswith("io.containerd.snapshotter")
    return EngineFacts(version=str(info["ServerVersion"]), containerd_store=store)


def _info(host: str, timeout: float, environ: Mapping[str, str]) -> Any:
    if host.startswith("unix://") and not _served(host.removeprefix("unix://"), timeout):
        return None
    # Imported here: the SDK costs a quarter of a second, and most commands ask no daemon.
    from docker import APIClient
    from docker.errors import DockerException
    from docker.utils import kwargs_from_env

    try:
        wanted = kwargs_from_env(environment={**environ, "DOCKER_HOST": host})
        client = APIClient(**wanted, version=_API, timeout=ceil(timeout), use_ssh_client=True)
    except (DockerException, OSError, ValueError):
        return None
    try:
        return client.info()
    except (DockerException, OSError, ValueError):  # requests' errors are OSErrors
        return None
    finally:
        client.close()


def _served(path: str, timeout: float) -> bool:
    """Whether somebody listens at a socket; the SDK leaves its own open where nobody does (7.2.0)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(timeout)
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


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
