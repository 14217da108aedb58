"""A bundle in a registry gives back exactly what was locked, when the mirror has moved on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from imagekit.app import bundles
from imagekit.app.bundles import ARTIFACT_TYPE, Bundle, bundle_manifest, ensure_packages, push_bundle, repository_of
from imagekit.config.load import Project, load_project
from imagekit.config.model import Arch
from imagekit.config.packagelock import LockedPackage, PackageLock, as_text, lock_path
from imagekit.config.settings import Settings
from imagekit.packages.interface import MirrorError
from imagekit.packages.store import Store
from imagekit.plan.asks import asks_of
from imagekit.plan.model import Plan
from imagekit.plan.resolve import make_plan
from tests.support.project import make_project
from tests.support.registry import Fault, RegistrySimulator, simulated_registry

CONTENT = {"less": b"less 1", "nano": b"nano 1", "tree": b"tree 1", "libc6": b"libc 1"}


def row(stage: str, name: str) -> LockedPackage:
    data = CONTENT[name]
    path = f"pool/main/{name[0]}/{name}/{name}_1_amd64.deb"
    return LockedPackage(stage, name, "1", "amd64", hashlib.sha256(data).hexdigest(), len(data), "D/s/main", path)


@dataclass
class Mirror:
    """A mirror that has these packages; `asked` counts how often it was."""

    content: dict[str, bytes]
    asked: int = 0

    def fetch(self, packages: Sequence[LockedPackage], into: Path) -> dict[str, str]:
        self.asked += 1
        for each in packages:
            if each.name in self.content:
                (into / each.sha256).write_bytes(self.content[each.name])
        return {}


@dataclass(frozen=True, slots=True)
class Fixture:
    """A locked project, the registry that it names, and the mirror."""

    project: Project
    plan: Plan
    world: RegistrySimulator
    mirror: Mirror

    def elsewhere(self, work: Path) -> Project:
        """The same project on another machine, which has fetched nothing yet."""
        root = work / "project"
        make_project(root)
        write_lock(load_project(root))
        return replace(load_project(root), locked=True, settings=self.project.settings)


def write_lock(project: Project) -> None:
    lock = PackageLock(
        image="small-node",
        arch="amd64",
        asked={ask.stage: ask.packages for ask in asks_of(project, "small-node", Arch.AMD64)},
        packages=(row("distro", "libc6"), row("base", "less"), row("base", "nano"), row("extra", "tree")),
    )
    path = project.root / lock_path("small-node", "amd64")
    path.parent.mkdir(exist_ok=True)
    path.write_text(as_text(lock))


@pytest.fixture
def fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fixture]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    monkeypatch.setattr("imagekit.app.release.embedded_registry", lambda *_: nullcontext())
    mirror = Mirror(dict(CONTENT))
    monkeypatch.setattr(bundles, "resolver", lambda *_: mirror)
    root = make_project(tmp_path / "project")
    write_lock(load_project(root))
    with simulated_registry() as world:
        project = replace(load_project(root), locked=True, settings=Settings(registry=world.address))
        yield Fixture(project, make_plan(project, "small-node", arch=Arch.AMD64), world, mirror)


def test_what_was_pushed_is_had_when_the_mirror_dropped_it(fixture: Fixture, tmp_path: Path) -> None:
    ensure_packages(fixture.project, (fixture.plan,))
    reference = push_bundle(fixture.project, Bundle.of(fixture.plan))
    assert reference.repository == "imagekit/packages"
    fixture.mirror.content.clear()
    other = fixture.elsewhere(tmp_path / "other")
    asked = fixture.mirror.asked
    ensure_packages(other, (make_plan(other, "small-node", arch=Arch.AMD64),))
    assert fixture.mirror.asked == asked
    for name, data in CONTENT.items():
        assert Store(other.work).path(hashlib.sha256(data).hexdigest()).read_bytes() == data, name


def test_a_second_push_sends_only_what_moved_and_names_the_same_content_the_same(fixture: Fixture) -> None:
    ensure_packages(fixture.project, (fixture.plan,))
    first = push_bundle(fixture.project, Bundle.of(fixture.plan))
    fixture.world.requests.clear()
    assert push_bundle(fixture.project, Bundle.of(fixture.plan)) == first
    assert not [request for request in fixture.world.requests if request.startswith(("POST", "PATCH"))]


def test_a_registry_that_serves_another_file_is_not_believed(fixture: Fixture, tmp_path: Path) -> None:
    ensure_packages(fixture.project, (fixture.plan,))
    push_bundle(fixture.project, Bundle.of(fixture.plan))
    fixture.world.faults.append(Fault(match="GET .*/blobs/", times=99, alter=lambda data: data[:-1] + b"X"))
    other = fixture.elsewhere(tmp_path / "other")
    plan = make_plan(other, "small-node", arch=Arch.AMD64)
    ensure_packages(other, (plan,))  # the mirror has them still
    assert Store(other.work).missing(Bundle.of(plan).packages) == ()
    fixture.mirror.content.clear()
    third = fixture.elsewhere(tmp_path / "third")
    with pytest.raises(MirrorError, match=r"package \S+ 1 .* cannot be had from .*imagekit/packages, the mirror"):
        ensure_packages(third, (make_plan(third, "small-node", arch=Arch.AMD64),))


def test_what_is_here_asks_nobody(fixture: Fixture) -> None:
    ensure_packages(fixture.project, (fixture.plan,))
    asked = fixture.mirror.asked
    fixture.world.requests.clear()
    ensure_packages(fixture.project, (fixture.plan,))
    assert fixture.mirror.asked == asked
    assert fixture.world.requests == []


def test_downloads_are_in_the_bundle_and_come_out_of_it(fixture: Fixture, tmp_path: Path) -> None:
    data = b"k0s"
    checksum = hashlib.sha256(data).hexdigest()
    ensure_packages(fixture.project, (fixture.plan,))
    kept = fixture.project.work / "downloads"
    kept.mkdir()
    (kept / checksum).write_bytes(data)
    stage = fixture.plan.stage("extra")
    stages = tuple(
        replace(each, downloads={"https://example.org/k0s": checksum}) if each is stage else each
        for each in fixture.plan.stages
    )
    plan = replace(fixture.plan, stages=stages)
    push_bundle(fixture.project, Bundle.of(plan))
    other = fixture.elsewhere(tmp_path / "other")
    ensure_packages(other, (plan,))
    assert (other.work / "downloads" / checksum).read_bytes() == data


@pytest.mark.attack
def test_a_download_that_the_registry_cuts_leaves_no_half_a_file(fixture: Fixture, tmp_path: Path) -> None:
    data = b"k0s" * 1000
    checksum = hashlib.sha256(data).hexdigest()
    ensure_packages(fixture.project, (fixture.plan,))
    (fixture.project.work / "downloads").mkdir()
    (fixture.project.work / "downloads" / checksum).write_bytes(data)
    stage = replace(fixture.plan.stage("extra"), downloads={"https://example.org/k0s": checksum})
    plan = replace(fixture.plan, stages=(stage,))
    push_bundle(fixture.project, Bundle.of(plan))
    other = fixture.elsewhere(tmp_path / "other")
    fixture.world.faults.append(Fault(match=f"GET .*/blobs/sha256:{checksum}", times=99, alter=lambda data: data[:9]))
    ensure_packages(other, (plan,))
    assert not (other.work / "downloads" / checksum).exists()
    fixture.world.faults.clear()
    ensure_packages(other, (plan,))
    assert (other.work / "downloads" / checksum).read_bytes() == data
    assert [path.name for path in (other.work / "downloads").iterdir()] == [checksum]


def test_the_manifest_says_what_it_is_and_holds_no_time(fixture: Fixture) -> None:
    bundle = Bundle.of(fixture.plan)
    manifest = bundle_manifest(bundle, {})
    assert manifest.artifact_type == ARTIFACT_TYPE
    assert {blob.digest.hex for blob in manifest.blobs[1:]} == {each.sha256 for each in bundle.packages}
    assert bundle_manifest(replace(bundle, packages=tuple(reversed(bundle.packages))), {}).raw == manifest.raw
    assert bundle.tag.startswith("small-node-amd64-")


def test_where_bundles_are_is_said_by_the_settings(fixture: Fixture) -> None:
    settings = Settings(bundles="registry.example.org/team/bundles")
    assert str(repository_of(replace(fixture.project, settings=settings))) == "registry.example.org/team/bundles"
