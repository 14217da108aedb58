"""Disks as OCI artifacts: they refer to their image, come twice as the same bytes, and are found by any client."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagekit.oci.manifest import EMPTY, MEDIA_TYPE_EMPTY, Descriptor, image_manifest
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.errors import MissingObjectError
from imagekit.registry.referrers import list_referrers
from imagekit.release.diskartifact import ARTIFACT_TYPE, FORMAT, IMAGE, SHA256, TITLE, DiskFile, push_disk_file
from tests.support.registry import RegistrySimulator, simulated_registry

REPOSITORY = "images/debian-node"


def disk_file(folder: Path, form: str = "qcow2") -> DiskFile:
    """A small file that stands for a disk."""
    path = folder / f"node.{form}"
    path.write_bytes(b"disk" * 1000)
    return DiskFile(path=path, title=path.name, form=form, sha256=Digest.of_file(path).hex)


def image(client: Registry, simulator: RegistrySimulator) -> Reference:
    """An image in the registry."""
    client.put_blob(REPOSITORY, BlobSource.of_bytes(EMPTY))
    config = Descriptor.of(EMPTY, MEDIA_TYPE_EMPTY)
    manifest = image_manifest(config=config, layers=(config,), artifact_type="x/image")
    client.put_manifest(REPOSITORY, manifest)
    return Reference(client.address, REPOSITORY, None, manifest.digest)


@pytest.mark.parametrize("referrers", [True, False])
def test_a_disk_is_listed_as_referrer_of_its_image(tmp_path: Path, referrers: bool) -> None:
    with simulated_registry(referrers_api=referrers) as simulator, simulator.client() as client:
        target = image(client, simulator)
        disk = disk_file(tmp_path)
        pushed = push_disk_file(client, target, disk)
        assert target.digest is not None
        listed = list_referrers(client, REPOSITORY, target.digest)
        assert [entry.digest for entry in listed] == [pushed.digest]
        assert pushed.digest is not None
        document = json.loads(client.manifest(REPOSITORY, pushed.digest).raw)
    assert document["artifactType"] == ARTIFACT_TYPE
    assert document["subject"]["digest"] == str(target.digest)
    assert document["annotations"] == {FORMAT: "qcow2", IMAGE: str(target.digest), SHA256: disk.sha256}
    (only,) = document["layers"]
    assert only["annotations"] == {TITLE: "node.qcow2"}
    assert only["digest"] == str(Digest.of_file(disk.path))


def test_pushing_it_again_gives_the_same_artifact_and_sends_no_blob(tmp_path: Path) -> None:
    with simulated_registry() as simulator, simulator.client() as client:
        target = image(client, simulator)
        disk = disk_file(tmp_path, "raw")
        first = push_disk_file(client, target, disk)
        before = simulator.snapshot()
        assert push_disk_file(client, target, disk) == first
        assert simulator.snapshot() == before


def test_a_disk_of_an_image_that_is_not_there_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with simulated_registry() as simulator, simulator.client() as client:
        nowhere = Reference(client.address, REPOSITORY, None, Digest.of(b"another"))
        before = simulator.snapshot()
        with pytest.raises(MissingObjectError):
            push_disk_file(client, nowhere, disk_file(tmp_path))
        assert simulator.snapshot() == before
