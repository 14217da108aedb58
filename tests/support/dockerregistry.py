"""A real registry server (docker-registry) on loopback with storage of its own; it can be killed and started again."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from imagekit.oci import Digest
from imagekit.process import background
from imagekit.publish.errors import RegistryUnavailableError
from imagekit.publish.registry import Registry
from imagekit.publish.wire import Patience
from imagekit.waiting import Deadline, wait_until

_START_SECONDS = 30.0
_ONE_TRY = Patience(attempts=1, silence=2.0)


class DockerRegistry:
    """A server that runs inside a `with` block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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
            background(["docker-registry", "serve", config], log=self.folder / "log")
        )
        wait_until(self._answers, Deadline.after(_START_SECONDS), what="docker-registry")

    def kill(self) -> None:
        """Kill -9."""
        self._child.kill()
        self._running.close()

    def blob_file(self, digest: Digest) -> Path:
        """Where the server keeps content, to spoil it."""
        return self.folder / "data/docker/registry/v2/blobs/sha256" / digest.hex[:2] / digest.hex / "data"

    def _answers(self) -> bool:
        try:
            with Registry(self.address, patience=_ONE_TRY) as client:
                client.ping()
        except RegistryUnavailableError:
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
            "http": {"addr": self.address, "secret": "for tests"},
        }
