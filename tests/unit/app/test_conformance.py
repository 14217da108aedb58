"""What a reference on the command line of conformance comes to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagekit.app.conformance import fetched_subject, record
from imagekit.base.errors import ConfigError, RefusedError
from imagekit.checks.contract.model import ContractPath, ContractRun, Phase
from imagekit.config.load import Project, load_project
from imagekit.oci.reference import MEDIA_TYPE_INDEX, MEDIA_TYPE_MANIFEST, Digest, Reference
from tests.support.layout import directory, layer, layout, member
from tests.support.project import make_project
from tests.support.registry import RegistrySimulator, simulated_registry

NAME = "team/node"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(make_project(tmp_path / "project"))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[tuple[RegistrySimulator, Digest]]:
    """A registry that holds one image."""
    digest = layout(tmp_path / "made", [layer(directory("etc"), member("etc/kairos-release", b"KAIROS_ID=kairos\n"))])
    with simulated_registry() as simulator:
        blobs = {f"sha256:{path.name}": path.read_bytes() for path in (tmp_path / "made/blobs/sha256").iterdir()}
        simulator.blobs[NAME] = blobs
        simulator.manifests[NAME] = {str(digest): (MEDIA_TYPE_MANIFEST, blobs[str(digest)])}
        yield simulator, digest


def put_index(simulator: RegistrySimulator, digest: Digest, *platforms: tuple[str, str]) -> Reference:
    entry = {"mediaType": MEDIA_TYPE_MANIFEST, "digest": str(digest), "size": 1}
    manifests = [entry | {"platform": {"os": system, "architecture": arch}} for system, arch in platforms]
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": MEDIA_TYPE_INDEX, "manifests": manifests}
    raw = json.dumps(document).encode()
    simulator.manifests[NAME][str(Digest.of(raw))] = (MEDIA_TYPE_INDEX, raw)
    return Reference(simulator.address, NAME, None, Digest.of(raw))


def test_an_image_is_fetched_and_read(project: Project, registry: tuple[RegistrySimulator, Digest]) -> None:
    simulator, digest = registry
    subject = fetched_subject(project, Reference(simulator.address, NAME, None, digest))
    assert subject.digest == digest
    found = record(project, subject, [ContractRun(ContractPath.IMAGE)], "run", project.work)
    image = found["image"].phases[Phase.IMAGE]
    assert getattr(image, "release", None) == {"KAIROS_ID": "kairos"}


def test_of_an_index_the_image_for_amd64(project: Project, registry: tuple[RegistrySimulator, Digest]) -> None:
    simulator, digest = registry
    reference = put_index(simulator, digest, ("linux", "amd64"), ("unknown", "unknown"))
    assert fetched_subject(project, reference).digest == digest


@pytest.mark.parametrize("platforms", [[("linux", "arm64")], [("linux", "amd64"), ("linux", "amd64")]])
def test_an_index_without_one_such_image_is_refused(
    project: Project, registry: tuple[RegistrySimulator, Digest], platforms: list[tuple[str, str]]
) -> None:
    simulator, digest = registry
    with pytest.raises(ConfigError, match="linux/amd64"):
        fetched_subject(project, put_index(simulator, digest, *platforms))


def test_an_altered_image_is_refused(project: Project, registry: tuple[RegistrySimulator, Digest]) -> None:
    simulator, digest = registry
    simulator.blobs[NAME] = {name: data + b" " for name, data in simulator.blobs[NAME].items()}
    with pytest.raises(RefusedError):
        fetched_subject(project, Reference(simulator.address, NAME, None, digest))
