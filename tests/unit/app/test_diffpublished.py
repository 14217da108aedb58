"""`imagekit diff` with a published image: verified before anything is read of it, as `imagekit disk REF` does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.app.diff import diff
from imagekit.app.trusted import keys_of
from imagekit.base.errors import RefusedError
from imagekit.config.load import Project, load_project
from imagekit.config.settings import Settings
from imagekit.inventory.take import NAME
from imagekit.oci.layout import layers
from imagekit.oci.reference import Reference
from imagekit.registry.errors import VerificationError
from imagekit.registry.referrers import attach_bundle
from imagekit.trust.evidence.decisions import YANK_TYPE, yank_statement
from tests.support.images import LayoutImage, verifier
from tests.support.inventories import base, keep_build, put
from tests.support.layout import layer, layout
from tests.support.project import make_project
from tests.support.registry import RegistrySimulator, simulated_registry
from tests.support.released import release

pytestmark = pytest.mark.attack


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RegistrySimulator]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    monkeypatch.setattr("imagekit.app.release.embedded_registry", lambda *_: nullcontext())
    with simulated_registry() as world:
        yield world


@pytest.fixture
def project(tmp_path: Path, world: RegistrySimulator) -> Project:
    found = replace(load_project(make_project(tmp_path / "project")), settings=Settings(registry=world.address))
    found.work.mkdir()
    return found


def published(project: Project, world: RegistrySimulator, folder: Path, data: bytes) -> Reference:
    """An image with this sshd_config, released by the project's key; a reference by digest."""
    members = base()
    put(members, "etc/ssh/sshd_config", data)
    digest = layout(folder, [layer(*members.values())], labels={"org.opencontainers.image.version": "v1"})
    with world.client() as client:
        return release(project, LayoutImage(folder, digest, ()), client)


def test_two_published_images_are_compared(project: Project, world: RegistrySimulator, tmp_path: Path) -> None:
    one = published(project, world, tmp_path / "one", b"PermitRootLogin no\n")
    two = published(project, world, tmp_path / "two", b"PermitRootLogin yes\n")
    found = diff(project, str(one), str(two))
    assert [change.text for change in found.comparison.changes] == ["sshd now accepts root logins, by password too"]
    assert found.commits is None
    assert two.digest is not None
    assert (project.work / "pulled" / two.digest.hex / NAME).is_file()


def test_a_published_image_and_the_build_of_it_here_are_equal(
    project: Project, world: RegistrySimulator, tmp_path: Path
) -> None:
    build = keep_build(project)
    with world.client() as client:
        reference = release(project, LayoutImage(build.layout, build.digest, ()), client, version=build.version)
    assert diff(project, build.version, str(reference)).comparison.equal


def test_what_a_stranger_signed_is_not_read(project: Project, world: RegistrySimulator, tmp_path: Path) -> None:
    build = keep_build(project)
    one = published(project, world, tmp_path / "one", b"x")
    with pytest.raises(VerificationError):
        diff(project, build.version, str(one), verifier=verifier("stranger"))
    assert not (project.work / "pulled").exists()


def test_what_was_withdrawn_is_not_read(project: Project, world: RegistrySimulator, tmp_path: Path) -> None:
    build = keep_build(project)
    one = published(project, world, tmp_path / "one", b"x")
    assert one.digest is not None
    denial = keys_of(project).signer().sign(yank_statement(one.digest, person="Bob", reason="leaks"))
    with world.client() as client:
        subject = client.manifest(one.repository, one.digest).descriptor
        attach_bundle(client, one.repository, subject, denial, predicate_type=YANK_TYPE)
    with pytest.raises(RefusedError, match="yanked by Bob"):
        diff(project, build.version, str(one))


def test_an_altered_layer_leaves_no_inventory(project: Project, world: RegistrySimulator, tmp_path: Path) -> None:
    build = keep_build(project)
    one = published(project, world, tmp_path / "one", b"x")
    (found,) = layers(tmp_path / "one", one.digest) if one.digest else ()
    blobs = world.blobs[one.repository]
    blobs[str(found.digest)] = blobs[str(found.digest)][:-1] + b"x"
    with pytest.raises(RefusedError):
        diff(project, build.version, str(one))
    assert not list((project.work / "pulled").rglob(NAME))
