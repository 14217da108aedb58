"""Disks that are full: the registry's, the work folder's; and a registry that takes no writes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from imagekit.base.space import NoSpaceError
from imagekit.oci.reference import Reference
from imagekit.registry.client import Registry
from imagekit.registry.errors import ReadOnlyError, StorageFullError
from imagekit.registry.pull import pull_image
from imagekit.registry.transfer import push_image
from imagekit.release.publish import Published, publish_image
from imagekit.trust.verify import verify_image
from tests.support.dockerregistry import DockerRegistry
from tests.support.images import LayoutImage, evidence_of, signer, verifier, write_image
from tests.support.smalldisk import enlarge, files, small_disk

pytestmark = [pytest.mark.registry, pytest.mark.attack]
REPOSITORY = "imagekit/node"
MIB = 1 << 20


@pytest.fixture
def large(tmp_path: Path) -> LayoutImage:
    """More than 40 MiB, in one layer that fits and one that does not."""
    return write_image(tmp_path / "oci", (random.Random(1).randbytes(MIB), random.Random(2).randbytes(60 * MIB)))


def publish(image: LayoutImage, client: Registry, folder: Path) -> Published:
    return publish_image(
        image.layout,
        image.digest,
        Reference(client.address, REPOSITORY, "v1"),
        evidence=evidence_of(image.digest),
        signer=signer(),
        verifier=verifier(),
        client=client,
        locks=folder / "locks",
    )


def test_a_registry_without_space_is_named_and_a_rerun_completes(
    tmp_path: Path, program: str, large: LayoutImage
) -> None:
    with (
        small_disk(tmp_path / "disk") as disk,
        DockerRegistry(disk, program=program) as server,
        Registry(server.address) as client,
    ):
        said = rf"registry {server.address}: its storage is full: blob {large.layers[1]} of .* needs {60 * MIB} bytes"
        with pytest.raises(StorageFullError, match=said) as refused:
            publish(large, client, tmp_path)
        assert "Make space there" in refused.value.hint
        assert client.tags(REPOSITORY) == (), "neither the tag nor the claim"
        # Distribution 2.8 takes no cancellation of an upload whose piece broke off, see imagekit.registry.upload.
        left = [name for name in files(disk) if "_uploads" in name and name.endswith("/data")]
        assert len(left) <= (1 if program == "docker-registry" else 0)
        enlarge(disk, 200)
        done = publish(large, client, tmp_path)
        assert 60 * MIB < done.sent_bytes < 61 * MIB, "the first layer was not sent again"
        assert verify_image(done.reference, client, verifier()).passed


def test_a_read_only_registry_is_named_before_anything_is_sent(
    tmp_path: Path, program: str, large: LayoutImage
) -> None:
    read_only = {"maintenance": {"uploadpurging": {"enabled": False}, "readonly": {"enabled": True}}}
    storage = {"filesystem": {"rootdirectory": str(tmp_path / "data")}, "delete": {"enabled": True}, **read_only}
    with (
        DockerRegistry(tmp_path / "registry", program=program, settings={"storage": storage}) as server,
        Registry(server.address) as client,
    ):
        said = f"registry {server.address} is read-only: it takes no uploads now"
        with pytest.raises(ReadOnlyError, match=said) as refused:
            publish(large, client, tmp_path)
        assert "maintenance" in refused.value.hint
        assert not files(tmp_path / "data") if (tmp_path / "data").exists() else True


@pytest.fixture
def pushed(client: Registry, large: LayoutImage) -> LayoutImage:
    push_image(large.layout, large.digest, Reference(client.address, REPOSITORY), client)
    return large


@pytest.mark.parametrize("program", ["docker-registry"], indirect=True)
def test_a_pull_without_space_names_folder_and_need_and_leaves_only_whole_blobs(
    tmp_path: Path, client: Registry, pushed: LayoutImage
) -> None:
    with small_disk(tmp_path / "work") as work:
        said = rf"image {pushed.digest.short} needs about 62 MiB in {work}/oci, where 3\d MiB are free: No space left"
        with pytest.raises(NoSpaceError, match=said) as refused:
            pull_image(client, REPOSITORY, pushed.digest, work / "oci")
        assert "run the same command again" in refused.value.hint
        blobs = client.manifest(REPOSITORY, pushed.digest).blobs
        assert set(files(work)) == {f"oci/blobs/sha256/{blob.digest.hex}" for blob in blobs[:2]}
        enlarge(work, 100)
        assert pull_image(client, REPOSITORY, pushed.digest, work / "oci") == 60 * MIB
        assert len(files(work)) == 4
