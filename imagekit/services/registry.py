"""The embedded registry: docker-registry on loopback, its storage under the work folder."""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.services import ports
from imagekit.services.lease import leased, running
from imagekit.services.model import Daemon, ServiceError, state_folder

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PROBE_SECONDS = 3.0


class PortTakenError(ServiceError):
    """The registry's port belongs to somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """A registry that answers at ``host:port``, and where it keeps its blobs."""

    address: str
    storage: Path


@contextmanager
def registry(work: Path, address: str) -> Iterator[Registry]:
    """The embedded registry at `address` (a loopback ``host:port``), for the time of the block.

    Raises `PortTakenError` when something else listens there, `ConfigError` when the address is not on loopback.
    """
    private = prepare(work, address)
    with leased(private, lambda: answers(address)):
        yield Registry(address=address, storage=work / "registry")


def loopback(address: str) -> bool:
    """Whether an address is on loopback, so that the embedded registry serves it."""
    return address.rpartition(":")[0].strip("[]") in _LOOPBACK


def split(address: str) -> tuple[str, int]:
    """``host:port`` in its parts. Raises `ConfigError` for anything that is not a loopback address with a port."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if host not in _LOOPBACK or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise ConfigError(
            f"not a loopback address with a port: {address!r}",
            hint="The embedded registry takes HOST:PORT with HOST one of " + ", ".join(_LOOPBACK) + ".",
        )
    return host, int(port)


def daemon(work: Path, address: str) -> Daemon:
    """The registry server; one for a work folder."""
    host, port = split(address)
    folder = work / "registry"
    return Daemon(
        name=f"registry-{port}",
        argv=("docker-registry", "serve", str(folder / f"config-{host.replace(':', '-')}-{port}.json")),
        state=state_folder(work),
        log=folder / "registry.log",
        time_limit=30.0,
    )


def prepare(work: Path, address: str) -> Daemon:
    """Write the server's configuration and return what to run. Raises `PortTakenError`."""
    private = daemon(work, address)
    host, port = split(address)
    if not running(private) and not ports.free(host, port):
        raise PortTakenError(
            f"{address}, the address of the embedded registry, is taken by {ports.listener(port)}",
            hint="Stop that program, or take another port with `imagekit services move`: references that name this one "
            "are still understood in this checkout.",
        )
    config = Path(private.argv[-1])
    config.parent.mkdir(parents=True, exist_ok=True)
    if not config.exists():
        fresh = config.with_suffix(".new")
        fresh.write_text(json.dumps(_settings(config.parent, address), indent=2))
        fresh.chmod(0o600)
        fresh.replace(config)
    return private


def _settings(folder: Path, address: str) -> dict[str, object]:
    # docker-registry reads YAML, of which JSON is a part.
    return {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(folder.resolve())},
            "delete": {"enabled": True},
        },
        "http": {"addr": address, "secret": secrets.token_hex(16)},
    }


def answers(address: str) -> bool:
    """Whether a registry speaks the distribution API there."""
    host, port = split(address)
    connection = http.client.HTTPConnection(host, port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", "/v2/")
        answer = connection.getresponse()
        answer.read()
        return answer.status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
