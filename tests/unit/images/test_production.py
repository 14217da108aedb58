"""Production images come from the same Dockerfiles as the embedded one; only data differs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imagekit.build import bake
from imagekit.config.imagesfile import ImageBase, ImageInit, ImageSpec, LockFile
from imagekit.config.load import Project, load_project
from imagekit.config.model import Arch
from imagekit.plan.model import Plan, StageKind
from imagekit.plan.resolve import make_plan

ROOT = Path(__file__).parents[3]
EMBEDDED, PRODUCTION = "debian-node", "rocky9-k0s-node"
# What one image may have and another not: where base and framework come from, and what follows from the family.
FROM_OUTSIDE = {"BASE_IMAGE", "KAIROS_INIT", "K0S_SHA256"}
FROM_THE_FAMILY = {"FAMILY", "PACKAGES"}
NAMES = {"TITLE", "DESCRIPTION", "BASE_NAME", "BASE_DIGEST", "VERSION", "PLAN", "LOCK"}
# As any of these can be put in place of the other: the same images.yaml, another base.
BASES = {
    "rocky": "docker.io/rockylinux/rockylinux:9",
    "almalinux": "docker.io/library/almalinux:9",
    "rhel": "registry.access.redhat.com/ubi9/ubi:9.7",
}


def project_with(image: ImageSpec | None = None) -> Project:
    """This project, its lock holding a digest for everything, and `image` in place of the production image."""
    project = load_project(ROOT)
    images = {**project.images, PRODUCTION: image or project.images[PRODUCTION]}
    names = [part.image for each in images.values() for part in (each.base, each.kairos_init) if hasattr(part, "image")]
    lock = LockFile(images=dict.fromkeys(names, "sha256:" + "1" * 64), files=project.lock.files)
    return replace(project, images=images, lock=lock)


def services(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = bake.compose(bake.Graph((plan,), ROOT, {}))["services"]
    return {name: service["build"] for name, service in found.items()}


def differing_args(one: Plan, other: Plan) -> dict[str, set[str]]:
    left, right = services(one), services(other)
    stages = [name for name in (*other.layers, "stamp") if name in left]
    args = {name: (left[name]["args"], right[name]["args"]) for name in stages}
    keys = {name: {*a, *b} - {"SOURCE_DATE_EPOCH"} for name, (a, b) in args.items()}
    return {name: {key for key in keys[name] if args[name][0].get(key) != args[name][1].get(key)} for name in stages}


def test_production_is_built_from_the_very_same_dockerfiles() -> None:
    project = project_with()
    embedded, production = make_plan(project, EMBEDDED), make_plan(project, PRODUCTION)
    assert production.unlocked == ()
    assert production.layers == embedded.layers
    here, there = services(embedded), services(production)
    assert set(here) - set(there) == {"distro", "kairos-init"}
    assert set(there) - set(here) == set()
    for name, target in there.items():
        assert {key: target[key] for key in ("context", "dockerfile")} == {
            key: here[name][key] for key in ("context", "dockerfile")
        }
        only_embedded = {"distro", "kairos-init"}
        contexts = {key: value for key, value in here[name]["additional_contexts"].items() if key not in only_embedded}
        assert target["additional_contexts"] == contexts


def test_only_these_build_arguments_differ() -> None:
    project = project_with()
    found = differing_args(make_plan(project, EMBEDDED), make_plan(project, PRODUCTION))
    for name, keys in found.items():
        assert keys <= FROM_OUTSIDE | FROM_THE_FAMILY | (NAMES if name == "stamp" else set()), name
    assert found["base"] == {"BASE_IMAGE", "KAIROS_INIT", "FAMILY", "PACKAGES"}
    assert found["k0s"] == {"KAIROS_INIT", "K0S_SHA256", "FAMILY", "PACKAGES"}


def test_debian_with_real_kairos_differs_in_the_framework_alone_and_has_no_kubernetes() -> None:
    """An image without a provider is as natural as others: whoever has no RHEL can have real Kairos all the same."""
    project = project_with()
    embedded, real = make_plan(project, EMBEDDED), make_plan(project, "debian-kairos-node")
    assert real.layers == tuple(layer for layer in embedded.layers if layer != "k0s")
    assert {*services(embedded)} - {*services(real)} == {"kairos-init", "k0s"}
    found = differing_args(real, embedded)
    assert found["base"] == {"KAIROS_INIT"}
    assert not found["ca-trust"] - {"KAIROS_INIT"}
    assert found["stamp"] <= {"KAIROS_INIT", "K0S_VERSION", "STATE"} | NAMES
    assert "K0S_VERSION" not in services(real)["stamp"]["args"]


def test_the_embedded_image_with_another_base_and_framework_differs_in_nothing_else() -> None:
    image = load_project(ROOT).images[EMBEDDED]
    swapped = image.model_copy(
        update={
            "base": ImageBase(image="registry.example.org/debian:trixie"),
            "kairos_init": ImageInit(image="registry.example.org/kairos/kairos-init:v1"),
        }
    )
    project = project_with(swapped)
    found = differing_args(make_plan(project, EMBEDDED), make_plan(project, PRODUCTION))
    for name in ("base", "k0s", "sssd", "ca-trust"):
        assert found[name] <= FROM_OUTSIDE, name
    assert found["stamp"] <= FROM_OUTSIDE | NAMES


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
def test_other_distributions_of_the_family_change_the_base_alone(base: str) -> None:
    image = load_project(ROOT).images[PRODUCTION]
    rocky = make_plan(project_with(), PRODUCTION)
    other = make_plan(project_with(image.model_copy(update={"base": ImageBase(image=base)})), PRODUCTION)
    found = differing_args(rocky, other)
    assert found["base"] <= {"BASE_IMAGE"}
    assert not found["k0s"] | found["sssd"] | found["ca-trust"]
    assert found["stamp"] <= {"BASE_NAME", "BASE_DIGEST", "VERSION", "PLAN", "LOCK"}


@pytest.mark.parametrize("stage", ["base", "k0s", "sssd", "ca-trust", "stamp"])
def test_every_argument_is_declared_in_its_dockerfile(stage: str) -> None:
    text = (ROOT / "images" / stage / "Dockerfile").read_text()
    declared = set(re.findall(r"^ARG ([A-Z0-9_]+)", text, re.MULTILINE))
    given = set(make_plan(project_with(), PRODUCTION).stage(stage).args)
    unused = {"PACKAGES"} if stage == "ca-trust" else {"FAMILY"} if stage == "stamp" else set()
    # The framework has done its work in the layers below.
    unused |= {"KAIROS_INIT"} if stage in ("sssd", "ca-trust") else set()
    assert given - declared == unused


def test_every_image_is_planned_for_every_architecture() -> None:
    project = project_with()
    for name, image in project.images.items():
        for arch in image.arch:
            plan = make_plan(project, name, arch=arch)
            packages = " ".join(
                stage.args.get("PACKAGES", "") for stage in plan.stages if stage.kind is StageKind.LAYER
            )
            other = {Arch.AMD64: r"arm64|aa64", Arch.ARM64: r"amd64|x64|grub-pc|grub2-pc"}[arch]
            assert not re.search(other, packages), packages


def test_the_lock_holds_the_checksum_of_every_download() -> None:
    project = load_project(ROOT)
    for arch in Arch:
        unlocked = make_plan(project, PRODUCTION, arch=arch).unlocked
        assert [name for name in unlocked if name.startswith("https://")] == []


def test_the_page_on_production_images_has_a_source_for_every_package_and_image() -> None:
    page = (ROOT / "docs/production-images.md").read_text()
    project = load_project(ROOT)
    image = project.images[PRODUCTION]
    packages = {
        name
        for arch in Arch
        for layer in image.layers
        for name in project.layers[layer].packages_of(image.family, arch)
    }
    images = {part.image for part in (image.base, image.kairos_init) if hasattr(part, "image")}
    version = project.layers["k0s"].args["K0S_VERSION"]
    assert [name for name in (*sorted(packages), version) if f"`{name}`" not in page] == []
    assert [name for name in images if name not in page] == []
