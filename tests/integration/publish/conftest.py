"""A real registry for this folder's tests, one for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit.publish.registry import Registry
from tests.support.dockerregistry import DockerRegistry


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DockerRegistry]:
    with DockerRegistry(tmp_path / "registry") as running:
        yield running


@pytest.fixture
def client(server: DockerRegistry) -> Iterator[Registry]:
    with Registry(server.address) as made:
        yield made
