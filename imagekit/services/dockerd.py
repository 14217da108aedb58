"""The build engine: the Docker daemon that configuration names, else a private one under the work folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagekit.services.dockerapi import EngineFacts, engine_facts
from imagekit.services.lease import leased
from imagekit.services.model import Daemon, ServiceError, runtime_folder, state_folder

LOWEST_VERSION = 25
_PROBE_SECONDS = 5.0
# The work folder's path would get into the options of overlay mounts, where "," ends one and ":" a folder. So the
# data are bound to a plain path below /run, in a mount namespace that ends with the daemon, however that ends.
_BOUND = 'mkdir -p -- "$2" && mount --bind -- "$1" "$2" && shift 2 && exec "$@"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A build engine that answers: its DOCKER_HOST, its version, and whether imagekit started it."""

    host: str
    version: str
    ours: bool


@contextmanager
def engine(work: Path, host: str | None = None) -> Iterator[Engine]:
    """A Docker daemon with the containerd image store, for the time of the block.

    `host` (from configuration) wins over DOCKER_HOST; without both a private dockerd is started under `work`.
    Raises `ServiceError` when the named daemon does not answer or is not fit, or when the private one does not start.
    """
    named = host or os.environ.get("DOCKER_HOST")
    if named:
        yield Engine(host=named, version=_fit(named).version, ours=False)
        return
    private = prepare(work)
    with leased(private, lambda: engine_facts(address(work), timeout=_PROBE_SECONDS) is not None):
        yield Engine(host=address(work), version=_fit(address(work)).version, ours=True)


def address(work: Path) -> str:
    """DOCKER_HOST of the private daemon."""
    return f"unix://{_runtime(work) / 'docker.sock'}"


def daemon(work: Path) -> Daemon:
    """The private dockerd: own data, own sockets, no bridge and no firewall rules, so that it disturbs no other."""
    folder = work / "engine"
    runtime = _runtime(work)
    return Daemon(
        name="dockerd",
        argv=(
            *("unshare", "--mount", "--propagation", "slave", "sh", "-c", _BOUND, "imagekit-engine"),
            *(str((folder / "data").resolve()), str(runtime / "data")),
            *("dockerd", "--config-file", str(folder / "daemon.json")),
        ),
        state=state_folder(work),
        log=folder / "dockerd.log",
        leftovers=(runtime / "docker.sock", runtime / "docker.pid", runtime / "exec"),
        # dockerd binds its data onto itself, and notes below exec-root to undo that: lost with a killed one.
        mounts=((folder / "data").resolve(), runtime),
        runtime=runtime,
        time_limit=90.0,
    )


def prepare(work: Path) -> Daemon:
    """Write the private daemon's configuration and return what to run. Raises `ServiceError` without root."""
    if os.geteuid() != 0:
        raise ServiceError(
            "a private dockerd needs root",
            hint="Run it with sudo, or name a running daemon with the containerd image store in DOCKER_HOST.",
        )
    folder = work / "engine"
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "daemon.json").write_text(json.dumps(_settings(work), indent=2))
    return daemon(work)


def _settings(work: Path) -> dict[str, object]:
    runtime = _runtime(work)
    return {
        "features": {"containerd-snapshotter": True},
        "bridge": "none",
        "iptables": False,
        "ip6tables": False,
        "data-root": str(runtime / "data"),
        "exec-root": str(runtime / "exec"),
        "pidfile": str(runtime / "docker.pid"),
        "hosts": [address(work)],
        "log-level": "warn",
        "shutdown-timeout": 3,
    }


def _fit(host: str) -> EngineFacts:
    facts = engine_facts(host)
    if facts is None:
        raise ServiceError(
            f"no Docker daemon answers at {host}", hint="Start it, or unset DOCKER_HOST to get a private one."
        )
    problem = unfit(facts)
    if problem:
        raise ServiceError(
            f"the Docker daemon at {host} {problem}",
            hint='Set "features": {"containerd-snapshotter": true} there, or unset DOCKER_HOST for a private one.',
        )
    return facts


def unfit(facts: EngineFacts) -> str:
    """Why a daemon cannot build for imagekit; empty when it can."""
    major = facts.version.partition(".")[0]
    if major.isdigit() and int(major) < LOWEST_VERSION:
        return f"is version {facts.version}, {LOWEST_VERSION} or newer is needed"
    return "" if facts.containerd_store else "does not keep images in containerd"


def _runtime(work: Path) -> Path:
    return runtime_folder(work) / "engine"
