"""Registries and repositories made to exhaust their reader: refused by name, in bounded time and memory."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from imagekit.oci import manifest as model
from imagekit.oci.errors import MalformedError
from imagekit.oci.manifest import Descriptor, Manifest, image_index, image_manifest, parse_manifest
from imagekit.oci.reference import MEDIA_TYPE_MANIFEST, Digest, Reference
from imagekit.registry import listing
from imagekit.registry.client import Registry
from imagekit.registry.errors import DigestMismatchError, RegistryUnavailableError, TooLargeError
from imagekit.registry.referrers import attach, bundle_manifest
from imagekit.registry.transfer import push_image
from imagekit.trust import proof
from imagekit.trust.proof import read_proof
from imagekit.trust.sign.interface import BUNDLE_LIMIT, SignatureError
from imagekit.trust.sign.trust import Problem
from imagekit.trust.verify import verify_content
from tests.support.bounds import bounded
from tests.support.images import LayoutImage, verifier
from tests.support.registry import RegistrySimulator
from tests.support.release import trust

pytestmark = pytest.mark.attack
MIB = 1 << 20
DATA = bytes(range(256)) * 40
BLOB = Descriptor.of(DATA, "application/octet-stream")


def put(world: RegistrySimulator, *manifests: Manifest) -> None:
    """Manifests as they stand, whether or not what they name is there."""
    world.manifests.setdefault("x", {}).update({str(each.digest): (each.media_type, each.raw) for each in manifests})


def test_a_manifest_without_an_end_is_cut_off(world: RegistrySimulator, client: Registry) -> None:
    world.tags["x"] = {"v1": "sha256:" + "0" * 64}
    world.manifests["x"] = {"sha256:" + "0" * 64: (MEDIA_TYPE_MANIFEST, b"{}")}
    world.fail("GET .*/manifests/v1", endless=True)
    said = rf"manifest v1 of {client.address}/x: the answer is larger than the 4194304 bytes"
    with bounded(seconds=20, mebibytes=60), pytest.raises(TooLargeError, match=said) as refused:
        client.manifest("x", "v1")
    assert "ask whoever runs it" in refused.value.hint


def test_a_manifest_that_says_to_be_too_large_is_not_read(world: RegistrySimulator, client: Registry) -> None:
    """The body is cut off after a byte: reading it would be a broken connection, tried again."""
    world.tags["x"] = {"v1": "sha256:" + "0" * 64}
    world.manifests["x"] = {"sha256:" + "0" * 64: (MEDIA_TYPE_MANIFEST, b"{}")}
    world.fail("GET .*/manifests/v1", alter=lambda _: b" " * (5 * MIB), cut_answer=1, times=9)
    with pytest.raises(TooLargeError, match="manifest v1"):
        client.manifest("x", "v1")
    assert len(world.requests) == 1


def test_a_blob_longer_than_its_descriptor_is_cut_off(world: RegistrySimulator, client: Registry) -> None:
    world.blobs["x"] = {str(BLOB.digest): DATA}
    world.fail("GET .*/blobs/", endless=True)
    said = f"blob {BLOB.digest} of {client.address}/x was altered: longer than its {BLOB.size} bytes"
    with bounded(seconds=20, mebibytes=60), pytest.raises(DigestMismatchError, match=said):
        client.read_blob("x", BLOB, limit=MIB)


def test_a_blob_that_comes_in_crumbs_is_given_up(world: RegistrySimulator, client: Registry) -> None:
    """Each connection brings one byte more and breaks: resuming would go on for ten thousand connections."""
    world.blobs["x"] = {str(BLOB.digest): DATA}
    world.fail("GET .*/blobs/", cut_answer=1, times=20_000)
    with bounded(seconds=20), pytest.raises(RegistryUnavailableError, match=f"after 4 of {BLOB.size} bytes"):
        client.read_blob("x", BLOB, limit=MIB)
    assert len(world.requests) == 4


def test_blobs_that_say_to_be_huge_are_not_asked_for(world: RegistrySimulator, client: Registry) -> None:
    huge = Descriptor(media_type="a/b", digest=BLOB.digest, size=40 << 30)
    fields = {
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE_MANIFEST,
        "config": BLOB.to_json(),
        "layers": [huge.to_json()] * 2,
    }
    with pytest.raises(MalformedError, match="manifest v1: its blobs say to have more than 64 GiB"):
        parse_manifest(json.dumps(fields).encode(), "manifest v1")
    fields["layers"] = [huge.to_json()]
    assert parse_manifest(json.dumps(fields).encode(), "a disk of 40 GiB").blobs[1].size == 40 << 30


def nested(depth: int) -> list[Manifest]:
    """An image below so many indices, outermost last."""
    found = [image_manifest(config=BLOB, layers=(), artifact_type="application/vnd.test")]
    for _ in range(depth):
        found.append(image_index((found[-1].descriptor,)))
    return found


def test_indices_nested_too_deep_are_refused(world: RegistrySimulator, client: Registry, tmp_path: Path) -> None:
    world.blobs["x"] = {str(BLOB.digest): DATA}
    deep = nested(5)
    put(world, *deep)
    found = verify_content(client, "x", deep[-1].digest)
    assert not found.satisfied
    assert "indices are nested deeper than 3" in found.reason
    blobs = tmp_path / "blobs/sha256"
    blobs.mkdir(parents=True)
    for each in deep:
        (blobs / each.digest.hex).write_bytes(each.raw)
    with pytest.raises(MalformedError, match="indices are nested deeper than 3") as refused:
        push_image(tmp_path, deep[-1].digest, Reference(client.address, "y"), client)
    assert "Name the digest of the one image" in refused.value.hint
    assert "y" not in world.manifests


def test_an_index_that_names_the_same_a_thousand_times_is_read_once(world: RegistrySimulator, client: Registry) -> None:
    """Three documents that name 10^9 manifests."""
    world.blobs["x"] = {str(BLOB.digest): DATA}
    [image] = nested(0)
    inner = image_index((image.descriptor,) * 1000)
    outer = image_index((inner.descriptor,) * 1000)
    put(world, image, inner, outer)
    with bounded(seconds=20):
        assert verify_content(client, "x", outer.digest).satisfied
    assert len(world.requests) == 4


def test_an_index_of_too_many_manifests_is_refused(
    world: RegistrySimulator, client: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "TREE_LIMIT", 20)
    world.blobs["x"] = {str(BLOB.digest): DATA}
    images = [image_manifest(config=BLOB, layers=(), artifact_type=f"application/vnd.test{n}") for n in range(100)]
    halves = [image_index(tuple(each.descriptor for each in half)) for half in (images[:50], images[50:])]
    outer = image_index(tuple(each.descriptor for each in halves))
    put(world, *images, *halves, outer)
    found = verify_content(client, "x", outer.digest)
    assert "an index names more than 20 manifests" in found.reason
    assert len(world.requests) < 30


def attached(world: RegistrySimulator, client: Registry, *sizes: int) -> Digest:
    """An image with bundles of these sizes; none of them is stored."""
    image = image_manifest(config=BLOB, layers=(), artifact_type="application/vnd.test")
    world.blobs["x"] = {str(BLOB.digest): DATA, str(Digest.of(b"{}")): b"{}"}
    put(world, image)
    for number, size in enumerate(sizes):
        bundle = bytes([number]) * size
        manifest = bundle_manifest(image.descriptor, bundle, predicate_type="https://example.com/x")
        world.blobs["x"][str(Digest.of(bundle))] = bundle
        attach(client, "x", image.descriptor, manifest)
    world.requests.clear()
    return image.digest


def test_a_giant_bundle_is_not_fetched(world: RegistrySimulator, client: Registry) -> None:
    image = attached(world, client, BUNDLE_LIMIT + 1)
    with bounded(mebibytes=60):
        found = read_proof(client, "x", image, verifier())
    assert not found.statements
    assert f"has {BUNDLE_LIMIT + 1} bytes, {BUNDLE_LIMIT} allowed" in found.rejected[0]
    assert not [request for request in world.requests if "/blobs/" in request]


def test_many_large_bundles_are_not_all_read(
    world: RegistrySimulator, client: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "_MOST_BYTES", 5 * MIB)
    image = attached(world, client, *[MIB] * 8)
    said = f"the bundles about {image.short} in {client.address}/x have more than 5 MiB together: the 3 largest"
    found = read_proof(client, "x", image, verifier())
    assert any(said in line for line in found.rejected)
    assert len([request for request in world.requests if "/blobs/" in request]) == 5


def test_a_bundle_of_millions_of_values_is_not_parsed() -> None:
    """64 MiB of empty objects would take 2 GB as Python's."""
    bomb = b'{"dsseEnvelope": [' + b"{}," * (21 * MIB) + b"{}]}"
    assert len(bomb) < BUNDLE_LIMIT
    with bounded(mebibytes=100), pytest.raises(SignatureError, match="more than 10000 JSON values"):
        verifier().verify(bomb)


def test_a_large_claim_by_a_stranger_is_not_parsed() -> None:
    payload = base64.b64encode(b'{"subject": [' + b"{}," * (11 * MIB) + b"{}]}").decode()
    envelope = {"payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": [{"sig": ""}]}
    bundle = json.dumps({"dsseEnvelope": envelope}).encode()
    assert len(bundle) < BUNDLE_LIMIT
    with bounded(mebibytes=400):
        reading = trust().read(bundle)
    assert (reading.problem, reading.statement) == (Problem.DAMAGED, None)
    assert "too large" in reading.reason


def test_a_listing_without_an_end_is_cut_off(
    world: RegistrySimulator, client: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LISTING_LIMIT", 500_000)
    world.tags["x"] = {f"v{number}": "sha256:" + "0" * 64 for number in range(10_000)}
    world.more_pages = True
    with pytest.raises(TooLargeError, match=f"registry {client.address}: tags of x: more than"):
        client.tags("x")
    assert len(world.requests) < 10


def test_the_image_of_the_other_tests_is_within_all_limits(image: LayoutImage, client: Registry) -> None:
    push_image(image.layout, image.digest, Reference(client.address, "x"), client)
    assert verify_content(client, "x", image.digest).satisfied
