"""A base image that no node can take is refused by name before the build (W20); what cannot be read is left to it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit.app.bases import BaseImageError, require_bases
from imagekit.app.image import built_all
from imagekit.config.load import Project, load_project
from imagekit.oci.reference import MEDIA_TYPE_INDEX, MEDIA_TYPE_MANIFEST, Digest
from imagekit.plan.model import Plan
from imagekit.plan.resolve import make_plan
from imagekit.registry.client import Registry
from imagekit.registry.errors import DigestMismatchError
from tests.support.layout import directory, layer, layout, member, symlink
from tests.support.production import BASE_IMAGE, DIGESTS, make_production
from tests.support.registry import RegistrySimulator, simulated_registry

IMAGE = "big-node"
REPOSITORY = "rocky/rocky"
KANIKO = layer(directory("/"), directory("etc"), member("etc/os-release", b"ID=rocky\n"))
OUTSIDE = layer(member("etc/ok", b"x"), member("../outside", b"x"))
LINKED = layer(directory("data"), symlink("etc", "data")), layer(member("etc/one", b"x"))


@pytest.fixture
def upstream() -> Iterator[RegistrySimulator]:
    with simulated_registry() as registry:
        yield registry


def put(upstream: RegistrySimulator, folder: Path, *tars: bytes) -> Digest:
    """Put an image of these layers into the registry."""
    digest = layout(folder, tars)
    blobs = {str(Digest(f"sha256:{path.name}")): path.read_bytes() for path in (folder / "blobs/sha256").iterdir()}
    upstream.blobs.setdefault(REPOSITORY, {}).update(blobs)
    upstream.manifests.setdefault(REPOSITORY, {})[str(digest)] = (MEDIA_TYPE_MANIFEST, blobs[str(digest)])
    return digest


def put_index(upstream: RegistrySimulator, **images: Digest) -> Digest:
    """An index of images by architecture."""
    return put_entries(upstream, *(({"os": "linux", "architecture": arch}, each, {}) for arch, each in images.items()))


def put_entries(upstream: RegistrySimulator, *images: tuple[dict[str, str], Digest, dict[str, str]]) -> Digest:
    """An index of manifests with a platform and annotations, or without."""
    held = upstream.manifests[REPOSITORY]
    entries = [
        {
            "mediaType": MEDIA_TYPE_MANIFEST,
            "digest": str(digest),
            "size": len(held[str(digest)][1]),
            **({"platform": platform} if platform else {}),
            **({"annotations": annotations} if annotations else {}),
        }
        for platform, digest, annotations in images
    ]
    raw = json.dumps({"schemaVersion": 2, "mediaType": MEDIA_TYPE_INDEX, "manifests": entries}).encode()
    held[str(Digest.of(raw))] = (MEDIA_TYPE_INDEX, raw)
    return Digest.of(raw)


def project_on(root: Path, digest: Digest) -> Project:
    make_production(root)
    lock = root / "images/images.lock"
    lock.write_text(lock.read_text().replace(DIGESTS[BASE_IMAGE], str(digest)))
    return load_project(root)


def read(project: Project, upstream: RegistrySimulator) -> Plan:
    plan = make_plan(project, IMAGE)
    asked: list[str] = []

    def client(address: str) -> Registry:
        asked.append(address)
        return upstream.client()

    require_bases(project, (plan,), registry=client)
    assert asked in ([], ["registry.example.org"])
    return plan


def left(project: Project) -> list[str]:
    return sorted(path.name for path in (project.work / "bases").iterdir())


def test_a_base_of_another_builder_is_taken_once_for_its_digest(tmp_path: Path, upstream: RegistrySimulator) -> None:
    digest = put(upstream, tmp_path / "image", KANIKO, KANIKO)
    project = project_on(tmp_path / "project", digest)
    plan = read(project, upstream)
    assert left(project) == [f"{digest.hex}-{plan.arch}"]
    before = len(upstream.requests)
    assert before > 0
    read(project, upstream)
    assert len(upstream.requests) == before


@pytest.mark.parametrize(
    ("tars", "said"), [((KANIKO, OUTSIDE), "'../outside'"), (LINKED, "/etc, which is no folder")], ids=["path", "link"]
)
def test_what_no_node_can_take_is_refused_by_name(
    tmp_path: Path, upstream: RegistrySimulator, tars: tuple[bytes, ...], said: str
) -> None:
    project = project_on(tmp_path / "project", put(upstream, tmp_path / "image", *tars))
    with pytest.raises(BaseImageError) as caught:
        read(project, upstream)
    assert said in str(caught.value)
    assert BASE_IMAGE in str(caught.value)
    assert "Nothing was built" in caught.value.hint
    assert left(project) == []


def test_of_an_index_the_image_of_the_plans_architecture_is_read(tmp_path: Path, upstream: RegistrySimulator) -> None:
    good, bad = put(upstream, tmp_path / "good", KANIKO), put(upstream, tmp_path / "bad", OUTSIDE)
    arch = make_plan(project_on(tmp_path / "any", good), IMAGE).arch
    other = {"amd64": "arm64", "arm64": "amd64"}[arch]
    read(project_on(tmp_path / "one", put_index(upstream, **{arch: good, other: bad})), upstream)
    with pytest.raises(BaseImageError, match="outside"):
        read(project_on(tmp_path / "two", put_index(upstream, **{arch: bad, other: good})), upstream)
    with pytest.raises(BaseImageError, match=f"no image for linux/{arch}"):
        read(project_on(tmp_path / "three", put_index(upstream, **{other: good})), upstream)


def test_an_index_that_says_no_platform_and_one_with_attestations(tmp_path: Path, upstream: RegistrySimulator) -> None:
    """`oras manifest index create` of one image; BuildKit's provenance beside it has platform unknown, or none."""
    bad = put(upstream, tmp_path / "bad", OUTSIDE)
    about = {"vnd.docker.reference.type": "attestation-manifest"}
    silent = put_entries(upstream, ({}, bad, {}), ({}, put(upstream, tmp_path / "att", KANIKO), about))
    with pytest.raises(BaseImageError, match="outside"):
        read(project_on(tmp_path / "one", silent), upstream)
    unknown = {"os": "unknown", "architecture": "unknown"}
    with pytest.raises(BaseImageError, match="no image for linux/"):
        read(project_on(tmp_path / "two", put_entries(upstream, (unknown, bad, about))), upstream)
    with pytest.raises(BaseImageError, match="no image for linux/"):
        read(project_on(tmp_path / "three", put_entries(upstream, ({}, bad, {}), ({}, silent, {}))), upstream)


@pytest.mark.parametrize("status", [401, 404, 503])
def test_what_this_program_may_not_fetch_is_left_to_the_build(
    tmp_path: Path, upstream: RegistrySimulator, status: int
) -> None:
    digest = put(upstream, tmp_path / "image", OUTSIDE)
    project = project_on(tmp_path / "project", digest)
    upstream.fail("GET", status=status, times=1000)
    read(project, upstream)
    assert left(project) == []  # looked at again the next time
    upstream.faults.clear()
    with pytest.raises(BaseImageError):
        read(project, upstream)


def test_a_layer_that_is_altered_on_its_way_is_no_base(tmp_path: Path, upstream: RegistrySimulator) -> None:
    digest = put(upstream, tmp_path / "image", KANIKO)
    project = project_on(tmp_path / "project", digest)
    held = upstream.blobs[REPOSITORY]
    for name, data in held.items():
        if b"mediaType" not in data and len(data) > 10:
            held[name] = data[:-1] + bytes([data[-1] ^ 1])
    with pytest.raises(DigestMismatchError):
        read(project, upstream)
    assert left(project) == []


def test_nothing_is_started_for_a_base_that_is_refused(
    tmp_path: Path, upstream: RegistrySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_on(tmp_path / "project", put(upstream, tmp_path / "image", OUTSIDE))
    for name in ("images.yaml", "images.lock"):
        path = project.root / "images" / name
        path.write_text(path.read_text().replace("registry.example.org/rocky", f"{upstream.address}/rocky"))
    project = load_project(project.root)
    monkeypatch.setattr("imagekit.app.image.build_engine", lambda *_: pytest.fail("the build engine was started"))
    monkeypatch.setattr("imagekit.app.image.replaced", lambda *_: None)
    with pytest.raises(BaseImageError, match="outside"):
        built_all(project, (make_plan(project, IMAGE),))
