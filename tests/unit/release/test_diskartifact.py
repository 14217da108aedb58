"""Disks as OCI artifacts: they refer to their image, come twice as the same bytes, and are found by any client."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagekit.base.errors import RefusedError
from imagekit.oci.manifest import EMPTY, MEDIA_TYPE_EMPTY, Descriptor, image_index, image_manifest
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.errors import MissingObjectError, VerificationError
from imagekit.registry.referrers import attach_bundle, fallback_tag, list_referrers
from imagekit.release.diskartifact import (
    ARTIFACT_TYPE,
    FORMAT,
    IMAGE,
    SHA256,
    TITLE,
    DiskFile,
    find_disk,
    push_disk_file,
)
from imagekit.release.vouched import vouched_referrers
from imagekit.trust.evidence.statement import SIGNATURE_TYPE, signature_statement
from tests.support.images import signer, verifier
from tests.support.registry import RegistrySimulator, simulated_registry

REPOSITORY = "images/debian-node"


def disk_file(folder: Path, form: str = "qcow2", *, content: bytes = b"disk") -> DiskFile:
    """A small file that stands for a disk."""
    path = folder / f"node.{form}"
    path.write_bytes(content * 1000)
    return DiskFile(path=path, title=path.name, form=form, sha256=Digest.of_file(path).hex)


def image(client: Registry, simulator: RegistrySimulator, *, kind: str = "x/image") -> Reference:
    """An image in the registry."""
    client.put_blob(REPOSITORY, BlobSource.of_bytes(EMPTY))
    config = Descriptor.of(EMPTY, MEDIA_TYPE_EMPTY)
    manifest = image_manifest(config=config, layers=(config,), artifact_type=kind)
    client.put_manifest(REPOSITORY, manifest)
    return Reference(client.address, REPOSITORY, None, manifest.digest)


@pytest.mark.parametrize("referrers", [True, False])
def test_a_disk_is_listed_as_referrer_of_its_image(tmp_path: Path, referrers: bool) -> None:
    with simulated_registry(referrers_api=referrers) as simulator, simulator.client() as client:
        target = image(client, simulator)
        disk = disk_file(tmp_path)
        pushed = push_disk_file(client, target, disk, signer(), verifier())
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
        first = push_disk_file(client, target, disk, signer(), verifier())
        before = simulator.snapshot()
        assert push_disk_file(client, target, disk, signer(), verifier()) == first
        assert simulator.snapshot() == before


def test_a_disk_of_an_image_that_is_not_there_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with simulated_registry() as simulator, simulator.client() as client:
        nowhere = Reference(client.address, REPOSITORY, None, Digest.of(b"another"))
        before = simulator.snapshot()
        with pytest.raises(MissingObjectError):
            push_disk_file(client, nowhere, disk_file(tmp_path), signer(), verifier())
        assert simulator.snapshot() == before


@pytest.mark.attack
def test_a_disk_is_signed_and_a_stranger_s_beside_it_is_not_taken(tmp_path: Path) -> None:
    """D40: disks pushed as artifacts were unsigned, so that a stranger's looked as good."""
    with simulated_registry() as simulator, simulator.client() as client:
        target = image(client, simulator)
        assert target.digest is not None
        theirs = disk_file(tmp_path, content=b"evil")
        push_disk_file(client, target, theirs, signer("stranger"), verifier("stranger"))
        with pytest.raises(VerificationError, match="no trusted key signed one of them"):
            find_disk(client, target, "qcow2", verifier())
        pushed = push_disk_file(client, target, disk_file(tmp_path), signer(), verifier())
        found = find_disk(client, target, "qcow2", verifier())
        assert found.digest == pushed.digest
        with pytest.raises(MissingObjectError, match="has no disk ova"):
            find_disk(client, target, "ova", verifier())


@pytest.mark.attack
def test_a_signature_of_one_disk_is_not_one_of_another(tmp_path: Path) -> None:
    """D40, variants: ours hung at a stranger's disk, a signature of the image, a signed disk of another image."""
    with simulated_registry() as simulator, simulator.client() as client:
        target = image(client, simulator)
        assert target.digest is not None
        push_disk_file(client, target, disk_file(tmp_path), signer(), verifier())
        good = find_disk(client, target, "qcow2", verifier())
        other = image(client, simulator, kind="y/image")
        theirs = disk_file(tmp_path, content=b"evil")
        evil = push_disk_file(client, other, theirs, signer("stranger"), verifier("stranger"))
        assert evil.digest is not None
        assert other.digest is not None
        hung = client.manifest(REPOSITORY, evil.digest).descriptor
        for subject in (good.digest, other.digest):
            bundle = signer().sign(signature_statement(subject))
            attach_bundle(client, REPOSITORY, hung, bundle, predicate_type=SIGNATURE_TYPE)
        listed = (good.listed, client.manifest(REPOSITORY, evil.digest).listed)
        client.put_manifest(REPOSITORY, image_index(listed), fallback_tag(other.digest))
        with pytest.raises(VerificationError, match="no trusted key signed one of them"):
            find_disk(client, other, "qcow2", verifier())


def test_a_key_that_nobody_trusts_is_told(tmp_path: Path) -> None:
    with simulated_registry() as simulator, simulator.client() as client:
        target = image(client, simulator)
        with pytest.raises(VerificationError, match="no signature that verifies"):
            push_disk_file(client, target, disk_file(tmp_path), signer("stranger"), verifier())


@pytest.mark.attack
def test_signed_disks_are_ours_and_others_are_strangers(tmp_path: Path) -> None:
    """D14 and D40: promote copies, and retention removes, the disks that were signed."""
    with simulated_registry() as simulator, simulator.client() as client:
        target = image(client, simulator)
        assert target.digest is not None
        pushed = push_disk_file(client, target, disk_file(tmp_path), signer(), verifier())
        theirs = disk_file(tmp_path, content=b"evil")
        push_disk_file(client, target, theirs, signer("stranger"), verifier("stranger"))
        found = vouched_referrers(client, REPOSITORY, target.digest, vouches)
    assert [disk for disk, _ in found.disks] == [pushed.digest]
    assert found.strangers == 1
    assert [subject for subject, _ in found.attached] == [target.digest, pushed.digest]


def vouches(bundle: bytes, digest: Digest) -> bool:
    try:
        return verifier().verify(bundle).subject == digest
    except RefusedError:
        return False
