"""The Dockerfiles take base and framework from a registry by digest, and then give the same image byte for byte."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.app.image import built_all
from imagekit.base.process import run
from imagekit.build import bake
from imagekit.build.result import Build
from imagekit.config.imagesfile import ImageBase, ImageInit
from imagekit.config.load import Project, load_project
from imagekit.oci.reference import Digest, Reference
from imagekit.plan.model import Plan
from imagekit.plan.resolve import make_plan
from imagekit.registry.client import Registry
from imagekit.services.dockerd import engine
from tests.support.dockerregistry import DockerRegistry

pytestmark = [pytest.mark.docker, pytest.mark.registry]
ROOT = Path(__file__).parents[3]
IMAGE = "debian-node"


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project(ROOT)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with DockerRegistry(tmp_path_factory.mktemp("registry")) as server:
        yield server


def push(project: Project, plan: Plan, name: str, registry: DockerRegistry, folder: Path) -> str:
    """Push the result of a single stage, as somebody else would publish a base image; its name by digest."""
    tag = f"{registry.address}/{name}:test"
    (folder / "compose.yaml").write_text(json.dumps(bake.compose(bake.Graph((plan,), project.root, distros(plan)))))
    output = f"type=image,name={tag},push=true,registry.insecure=true"
    targets = {"target": {name: {"output": [output], "attest": ["type=provenance,disabled=true"]}}}
    (folder / "override.json").write_text(json.dumps(targets))
    files = [part for file in ("compose.yaml", "override.json") for part in ("--file", os.fspath(folder / file))]
    with engine(project.work) as running:
        run(["docker", "buildx", "bake", *files, name], timeout=600, env={"DOCKER_HOST": running.host})
    with Registry(registry.address) as client:
        found = client.resolve(Reference.parse(tag))
    assert found is not None
    return f"{registry.address}/{name}@{found}"


def distros(plan: Plan) -> dict[str, Path]:
    stage = plan.stage("distro")
    return {stage.id: ROOT / ".imagekit/distro" / stage.id[:32]}


def layers(build: Build) -> list[str]:
    """Content of the layers, bottom first, whatever they are packed with."""
    manifest = json.loads((build.layout / "blobs/sha256" / build.digest.hex).read_text())
    config = (build.layout / "blobs/sha256" / Digest(manifest["config"]["digest"]).hex).read_text()
    return list(json.loads(config)["rootfs"]["diff_ids"])


@pytest.mark.nightly(minutes=7)  # builds the image a second time
def test_base_and_framework_from_a_registry_give_the_same_layers(
    project: Project, registry: DockerRegistry, tmp_path: Path
) -> None:
    plan = make_plan(project, IMAGE)
    (embedded,) = built_all(project, (plan,))
    swapped = project.image(IMAGE).model_copy(
        update={
            "base": ImageBase(image=push(project, plan, "distro", registry, tmp_path)),
            "kairos_init": ImageInit(image=push(project, plan, "kairos-init", registry, tmp_path)),
        }
    )
    # The stand-in brings its own k0s, which no checksum of upstream's fits.
    k0s = project.layers["k0s"].model_copy(update={"downloads": {}})
    other = replace(project, images={IMAGE: swapped}, layers={**project.layers, "k0s": k0s})
    (from_registry,) = built_all(other, (make_plan(other, IMAGE),))
    assert from_registry.plan_id != embedded.plan_id
    assert layers(from_registry)[:-1] == layers(embedded)[:-1]  # all but the stamp, which names another version


def test_two_images_are_built_as_one_graph_and_share_their_layers(project: Project) -> None:
    image = project.image(IMAGE)
    bare = image.model_copy(update={"layers": image.layers[:1]})
    both = replace(project, images={IMAGE: image, "bare-node": bare})
    plans = (make_plan(both, IMAGE), make_plan(both, "bare-node"))
    assert plans[0].stage("base").id == plans[1].stage("base").id
    node, alone = built_all(both, plans)
    assert layers(alone)[:-1] == layers(node)[: len(layers(alone)) - 1]
    assert node.digest != alone.digest
