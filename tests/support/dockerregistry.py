"""A real registry server on loopback with storage of its own; it can be killed and started again.

Two programs are known: Debian's `docker-registry` (CNCF distribution 2.8) and `registry3` (distribution 3, built from
tests/support/registry3).
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from imagekit.base.process import background
from imagekit.base.waiting import Deadline, wait_until
from imagekit.oci.reference import Digest

_START_SECONDS = 30.0
PROGRAMS = ("docker-registry", "registry3")


class DockerRegistry:
    """A server that runs inside a `with` block."""

    def __init__(
        self, folder: Path, *, program: str = "docker-registry", settings: Mapping[str, Any] | None = None
    ) -> None:
        """`settings` add to the server's own: its `auth`, or the `tls` of `http`."""
        self.folder = folder
        self.program = program
        self.more = settings or {}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._running = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "config.json"
        config.write_text(json.dumps(self._settings()))
        self._child = self._running.enter_context(
            background([self.program, "serve", config], log=self.folder / "log", env={"OTEL_TRACES_EXPORTER": "none"})
        )
        wait_until(self._listens, Deadline.after(_START_SECONDS), what=self.program)

    def kill(self) -> None:
        """Kill -9."""
        self._child.kill()
        self._running.close()

    def blob_file(self, digest: Digest) -> Path:
        """Where the server keeps content, to spoil it."""
        return self.folder / "data/docker/registry/v2/blobs/sha256" / digest.hex[:2] / digest.hex / "data"

    def _listens(self) -> bool:
        host, _, port = self.address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=2).close()
        except OSError:
            return False
        return True

    def _settings(self) -> dict[str, object]:
        return {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.folder / "data")},
                "delete": {"enabled": True},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            **{key: value for key, value in self.more.items() if key != "tls"},
            "http": {
                "addr": self.address,
                "secret": "for tests",
                **({"tls": self.more["tls"]} if "tls" in self.more else {}),
            },
        }
