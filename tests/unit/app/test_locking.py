"""images.lock is filled from a registry and a publisher's list, whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit.app.locking import LockError, refresh
from imagekit.config.load import load_project
from imagekit.oci.reference import Digest
from imagekit.registry.client import Registry
from tests.support.production import CHECKSUMS, DIGESTS, make_production
from tests.support.registry import RegistrySimulator, simulated_registry

MANIFEST = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
LISTING = "\n".join(f"{value} *{name.rpartition('/')[2]}" for name, value in CHECKSUMS.items())


@pytest.fixture
def upstream() -> Iterator[RegistrySimulator]:
    with simulated_registry() as registry:
        digest = str(Digest.of(MANIFEST))
        for repository, tag in (("rocky/rocky", "9"), ("kairos/kairos-init", "v1")):
            registry.manifests[repository] = {digest: ("application/vnd.oci.image.index.v1+json", MANIFEST)}
            registry.tags[repository] = {tag: digest}
        yield registry


def lock(root: Path, upstream: RegistrySimulator, *, listing: str = LISTING, update: bool = False) -> dict[str, str]:
    def client(address: str) -> Registry:
        assert address == "registry.example.org"
        return upstream.client()

    project = load_project(root)
    return refresh(project, project.images, update=update, registry=client, read=lambda url: listing).entries


def test_everything_that_is_missing_is_looked_up(tmp_path: Path, upstream: RegistrySimulator) -> None:
    root = make_production(tmp_path, locked=False)
    found = lock(root, upstream)
    written = load_project(root).lock
    assert found == {**written.images, **written.files}
    assert written.images == dict.fromkeys(DIGESTS, str(Digest.of(MANIFEST)))
    assert written.files == CHECKSUMS


def test_what_is_locked_stays_unless_asked(tmp_path: Path, upstream: RegistrySimulator) -> None:
    root = make_production(tmp_path)
    text = (root / "images/images.lock").read_text()
    assert lock(root, upstream) == {}
    assert (root / "images/images.lock").read_text() == text
    assert upstream.requests == []
    assert lock(root, upstream, update=True) == dict.fromkeys(DIGESTS, str(Digest.of(MANIFEST)))


def test_the_same_answers_give_the_same_bytes(tmp_path: Path, upstream: RegistrySimulator) -> None:
    root = make_production(tmp_path, locked=False)
    lock(root, upstream)
    before = (root / "images/images.lock").read_bytes()
    lock(root, upstream, update=True)
    assert (root / "images/images.lock").read_bytes() == before


def test_a_file_that_the_list_does_not_name_changes_nothing(tmp_path: Path, upstream: RegistrySimulator) -> None:
    root = make_production(tmp_path, locked=False)
    with pytest.raises(LockError, match="names no checksum of tool-v2-arm64"):
        lock(root, upstream, listing=f"{'c' * 64}  tool-v2-amd64\n")
    assert not (root / "images/images.lock").exists()


def test_a_tag_that_is_not_there_is_named(tmp_path: Path, upstream: RegistrySimulator) -> None:
    del upstream.tags["kairos/kairos-init"]
    with pytest.raises(LockError, match=r"kairos-init:v1: the registry has no such tag"):
        lock(make_production(tmp_path, locked=False), upstream)


def test_what_would_move_is_told_and_not_written(tmp_path: Path, upstream: RegistrySimulator) -> None:
    root = make_production(tmp_path)
    text = (root / "images/images.lock").read_text()
    project = load_project(root)
    found = refresh(
        project,
        project.images,
        update=True,
        write=False,
        registry=lambda _: upstream.client(),
        read=lambda url: LISTING,
    )
    assert found.entries == dict.fromkeys(DIGESTS, str(Digest.of(MANIFEST)))
    assert (root / "images/images.lock").read_text() == text
