"""A simulated registry with a small image, and a release in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gatefixture import GateFixture
from tests.support.images import write_image
from tests.support.registry import simulated_registry


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[GateFixture]:
    project = tmp_path / "project"
    project.mkdir()
    with simulated_registry() as world, world.client() as client:
        yield GateFixture(image=write_image(tmp_path / "oci"), world=world, client=client, project=project)
