"""A promotion killed before any of its requests, on real registries: nothing half-made counts, a rerun completes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from imagekit.oci import Digest, Reference
from imagekit.process import Completed, run
from imagekit.publish.push import push_image
from imagekit.publish.registry import Registry
from tests.support.desk import IMAGE, Office, open_office
from tests.support.dockerregistry import PROGRAMS, DockerRegistry
from tests.support.images import write_image
from tests.support.registry import RegistrySimulator

pytestmark = [pytest.mark.registry, pytest.mark.attack]
ROOT = Path(__file__).parents[3]
STRIDE = 4


@pytest.fixture(params=PROGRAMS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DockerRegistry]:
    if shutil.which(str(request.param)) is None:
        pytest.skip(f"{request.param} is not here; `bin/setup dev` says why, `bin/test` puts it on the path")
    with DockerRegistry(tmp_path / "registry", program=str(request.param)) as running:
        yield running


def promoter(server: DockerRegistry, digest: Digest, root: Path, kill_at: int = -1) -> Completed:
    """Run a promotion to its end, natural or not."""
    argv: list[str | Path] = [sys.executable, "-m", "tests.support.promoter", server.address, str(digest), root]
    return run([*argv, str(kill_at)], timeout=120, cwd=ROOT, ok=(0, -9), env={"DOCKER_CONFIG": str(root)})


def published(server: DockerRegistry, folder: Path, version: str) -> Digest:
    image = write_image(
        folder / "oci", (b"base" * 500, version.encode() * 500), {"org.opencontainers.image.version": version}
    )
    with Registry(server.address) as client:
        push_image(image.layout, image.digest, Reference(server.address, f"imagekit/{IMAGE}"), client)
    return image.digest


def test_kill_9_before_each_request_of_a_promotion(server: DockerRegistry, tmp_path: Path) -> None:
    office: Office = open_office(tmp_path / "office", RegistrySimulator(address=server.address))
    home = Reference(server.address, f"imagekit/dev/{IMAGE}")
    for moment in count(0, STRIDE):
        version = f"v{moment + 1}"
        digest = published(server, tmp_path, version)
        killed = promoter(server, digest, office.root, kill_at=moment)
        if killed.returncode == 0:
            break  # the promotion was over before that request
        pointer = office.desk().channel("dev").images.get(IMAGE)
        with Registry(server.address) as client:
            if pointer is not None and pointer.digest == str(digest):
                assert client.resolve(home.tagged(version)) == digest, "a channel never points at what has no tag"
            assert promoter(server, digest, office.root).stdout.split()[0] in ("promoted", "already"), (
                f"request {moment}"
            )
            assert client.resolve(home.tagged(version)) == digest
        assert office.desk().channel("dev").images[IMAGE].digest == str(digest)
    assert moment > 5 * STRIDE
    records = office.desk().chain().records
    assert len({record.digest for record in records}) == len(records), "no decision is told twice"
