"""A simulated registry, a client for it and a small image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit.registry.client import Registry
from imagekit.trust.sign import keyfile
from tests.support.images import LayoutImage, write_image
from tests.support.registry import RegistrySimulator, simulated_registry
from tests.support.releasestates import ReleaseStates, reserved_port

KEY_COST = keyfile._COST  # as cosign has it


@pytest.fixture(autouse=True, scope="session")
def _quick_keys() -> Iterator[None]:
    """Key files that tests make open at once; at cosign's cost each takes a quarter of a second of processor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyfile, "_COST", 2)
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_credentials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_CONFIG", str(tmp_path_factory.getbasetemp() / "no-docker-config"))
        yield


@pytest.fixture
def world() -> Iterator[RegistrySimulator]:
    with simulated_registry() as simulator:
        yield simulator


@pytest.fixture
def client(world: RegistrySimulator) -> Iterator[Registry]:
    with world.client() as made:
        yield made


@pytest.fixture
def image(tmp_path: Path) -> LayoutImage:
    return write_image(tmp_path / "oci")


@pytest.fixture(scope="session")
def port() -> Iterator[int]:
    """Where the registry of each state answers."""
    with reserved_port() as found:
        yield found


@pytest.fixture(scope="session")
def states(tmp_path_factory: pytest.TempPathFactory) -> ReleaseStates:
    """States of a release that tests begin from."""
    return ReleaseStates(tmp_path_factory.mktemp("states"))
