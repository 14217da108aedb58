"""A promotion killed before any of its steps, on real registries: nothing half-made counts, a rerun completes."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import pytest

from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.transfer import push_image
from tests.support.dockerregistry import PROGRAMS, DockerRegistry
from tests.support.forked import Ended, forked
from tests.support.images import write_image
from tests.support.promoter import main as promote
from tests.support.registry import RegistrySimulator
from tests.support.releasefixture import IMAGE, ReleaseFixture, open_release_fixture

pytestmark = [pytest.mark.registry, pytest.mark.attack]


@pytest.fixture(params=PROGRAMS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DockerRegistry]:
    if shutil.which(str(request.param)) is None:
        pytest.skip(f"{request.param} is not here; `bin/setup dev` says why, `bin/test` puts it on the path")
    with DockerRegistry(tmp_path / "registry", program=str(request.param)) as running:
        yield running


def promoter(server: DockerRegistry, digest: Digest, root: Path, kill_at: int = -1) -> Ended:
    """Run a promotion to its end, natural or not."""
    return forked(promote, server.address, str(digest), root, kill_at, home=root)


def published(server: DockerRegistry, folder: Path, version: str) -> Digest:
    image = write_image(
        folder / "oci", (b"base" * 500, version.encode() * 500), {"org.opencontainers.image.version": version}
    )
    with Registry(server.address) as client:
        push_image(image.layout, image.digest, Reference(server.address, f"imagekit/{IMAGE}"), client)
    return image.digest


def kill_before(server: DockerRegistry, folder: Path, moments: Iterable[int]) -> None:
    """Kill a promotion before each of these steps, look, and run it again."""
    fixture: ReleaseFixture = open_release_fixture(folder / "fixture", RegistrySimulator(address=server.address))
    home = Reference(server.address, f"imagekit/dev/{IMAGE}")
    for moment in moments:
        version = f"v{moment + 1}"
        digest = published(server, folder, version)
        ended = promoter(server, digest, fixture.root, kill_at=moment)
        if ended.code == 0:
            assert ended.words[0] == "promoted", ended.words
            break  # the promotion was over before that step
        pointer = fixture.context().channel("dev").images.get(IMAGE)
        with Registry(server.address) as client:
            if pointer is not None and pointer.digest == str(digest):
                assert client.resolve(home.tagged(version)) == digest, "a channel never points at what has no tag"
            assert promoter(server, digest, fixture.root).words[0] in ("promoted", "already"), f"step {moment}"
            assert client.resolve(home.tagged(version)) == digest
        assert fixture.context().channel("dev").images[IMAGE].digest == str(digest)
    assert moment > 20
    records = fixture.context().chain().records
    assert len({record.digest for record in records}) == len(records), "no decision is told twice"


def test_kill_9_before_each_step_of_a_promotion(server: DockerRegistry, tmp_path: Path) -> None:
    """Every request and every run of git that writes, the even ones on 2.8, the odd ones on 3."""
    kill_before(server, tmp_path, count(PROGRAMS.index(server.program), len(PROGRAMS)))


@pytest.mark.nightly(minutes=2)
def test_kill_9_before_each_step_of_a_promotion_on_each_registry(server: DockerRegistry, tmp_path: Path) -> None:
    kill_before(server, tmp_path, count())
