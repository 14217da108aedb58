"""A fixture with a simulated registry, and versions published in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imagekit.oci.reference import Digest
from imagekit.registry.transfer import push_image
from tests.support.images import write_image
from tests.support.registry import simulated_registry
from tests.support.releasefixture import IMAGE, ReleaseFixture, open_release_fixture

Publish = Callable[[str], Digest]


@pytest.fixture
def fixture(tmp_path: Path, port: int) -> Iterator[ReleaseFixture]:
    with simulated_registry(port=port) as simulator:
        yield open_release_fixture(tmp_path, simulator)


@pytest.fixture
def publish(fixture: ReleaseFixture, tmp_path: Path) -> Publish:
    def work(version: str) -> Digest:
        labels = {
            "org.opencontainers.image.version": version,
            "org.opencontainers.image.created": f"2026-11-{10 + int(version.removeprefix('v')):02}T00:00:00+00:00",
        }
        image = write_image(tmp_path / version, (b"base" * 500, version.encode() * 500), labels)
        target = fixture.source(image.digest)
        with fixture.registry(target.registry) as client:
            push_image(image.layout, image.digest, target, client)
            client.put_manifest(target.repository, client.manifest(target.repository, image.digest), version)
        return image.digest

    assert IMAGE
    return work
