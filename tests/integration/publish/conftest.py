"""A real registry for this folder's tests, one for all of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit.registry.client import Registry
from tests.support.dockerregistry import PROGRAMS, DockerRegistry


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> str:
    """The program of a registry, each in turn."""
    name = str(request.param)
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not here; `bin/setup dev` says why, `bin/test` puts it on the path")
    return name


@pytest.fixture
def server(tmp_path: Path, program: str) -> Iterator[DockerRegistry]:
    with DockerRegistry(tmp_path / "registry", program=program) as running:
        yield running


@pytest.fixture
def client(server: DockerRegistry) -> Iterator[Registry]:
    with Registry(server.address) as made:
        yield made
