"""Nothing that strangers attach helps or harms: D8 of the attack on the release side, and what is like it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from imagekit.oci.manifest import MANIFEST_LIMIT, Descriptor, Manifest, image_manifest, referrers_index
from imagekit.oci.reference import MEDIA_TYPE_INDEX, Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.referrers import attach_bundle, bundle_manifest, fallback_tag, list_referrers
from imagekit.registry.transfer import push_image
from imagekit.release.vouched import vouched_referrers
from imagekit.trust import proof
from imagekit.trust.evidence.decisions import yank_statement
from imagekit.trust.evidence.statement import SIGNATURE_TYPE, signature_statement
from imagekit.trust.gate.collect import collect
from imagekit.trust.proof import read_proof
from tests.support.bounds import bounded
from tests.support.images import LayoutImage, signer, verifier, write_image
from tests.support.registry import RegistrySimulator, simulated_registry
from tests.support.release import trust

pytestmark = pytest.mark.attack
REPOSITORY = "imagekit/debian-node"
Arrange = Callable[[list[Descriptor], list[Descriptor]], list[Descriptor]]


@pytest.fixture
def subject(client: Registry, image: LayoutImage) -> Descriptor:
    push_image(image.layout, image.digest, Reference(client.address, REPOSITORY), client)
    return client.manifest(REPOSITORY, image.digest).descriptor


def ours(client: Registry, subject: Descriptor) -> Digest:
    bundle = signer().sign(signature_statement(subject.digest))
    return attach_bundle(client, REPOSITORY, subject, bundle, predicate_type=SIGNATURE_TYPE)[0].digest


def put(world: RegistrySimulator, *manifests: Manifest) -> None:
    stored = {str(each.digest): (each.media_type, each.raw) for each in manifests}
    world.manifests.setdefault(REPOSITORY, {}).update(stored)


def flood(world: RegistrySimulator, subject: Descriptor, count: int) -> list[Descriptor]:
    """So many bundles of a stranger, each another; what hangs at them is one signature that is good by nobody's key."""
    found = []
    real = signer("stranger").sign(signature_statement(subject.digest))
    for number in range(count):
        bundle = real + b" " * number
        world.blobs[REPOSITORY][str(Digest.of(bundle))] = bundle
        manifest = bundle_manifest(subject, bundle, predicate_type=SIGNATURE_TYPE)
        put(world, manifest)
        found.append(manifest.listed)
    return found


def write_list(world: RegistrySimulator, subject: Descriptor, entries: list[Descriptor]) -> None:
    listed = referrers_index(tuple(entries))
    put(world, listed)
    world.tags[REPOSITORY][fallback_tag(subject.digest)] = str(listed.digest)


ARRANGED: dict[str, Arrange] = {
    "after ours": lambda own, theirs: [*own, *theirs],
    "before ours": lambda own, theirs: [*theirs, *own],
    "around ours": lambda own, theirs: [*theirs[: len(theirs) // 2], *own, *theirs[len(theirs) // 2 :]],
}


@pytest.mark.parametrize("order", ARRANGED)
@pytest.mark.parametrize("count", [201, 1100])
def test_a_flooded_list_leaves_our_evidence_found_and_a_denial_attachable(
    world: RegistrySimulator, client: Registry, subject: Descriptor, order: str, count: int
) -> None:
    """D8: 201 entries closed verify, gate and promote, and a denial could not be attached."""
    ours(client, subject)
    own = list(list_referrers(client, REPOSITORY, subject.digest))
    write_list(world, subject, ARRANGED[order](own, flood(world, subject, count)))
    with bounded(seconds=300, mebibytes=100):
        found = read_proof(client, REPOSITORY, subject.digest, verifier())
    assert len(found.of_type(SIGNATURE_TYPE)) == 1
    assert len(found.rejected) == count
    if order != "around ours" or count > 201:
        return
    items = collect(client, REPOSITORY, subject.digest, trust(), suites={}).items
    assert sum(item.reading.key is not None for item in items) == 1
    assert len(items) <= 201, "what strangers claim is not kept for ever"
    denial = signer().sign(yank_statement(subject.digest, person="Ann", reason="leaks"))
    attached = attach_bundle(client, REPOSITORY, subject, denial, predicate_type="yank")[0].digest
    assert attached in {entry.digest for entry in list_referrers(client, REPOSITORY, subject.digest)}
    assert len(read_proof(client, REPOSITORY, subject.digest, verifier()).denials) == 1


def test_more_than_is_read_is_said_and_what_is_at_both_ends_is_read(
    world: RegistrySimulator, client: Registry, subject: Descriptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D8, variant: more entries than are read, before or after ours."""
    monkeypatch.setattr(proof, "MOST_REFERRERS", 20)
    ours(client, subject)
    own, theirs = list(list_referrers(client, REPOSITORY, subject.digest)), flood(world, subject, 50)
    for order in ("before ours", "after ours"):
        write_list(world, subject, ARRANGED[order](own, theirs))
        world.requests.clear()
        found = read_proof(client, REPOSITORY, subject.digest, verifier())
        assert len(found.statements) == 1, order
        assert any("51 manifests refer to" in line for line in found.rejected)
        assert len(world.requests) < 50


def test_large_bundles_of_strangers_come_after_ours(
    world: RegistrySimulator, client: Registry, subject: Descriptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D8, variant: bundles that use up all that is read together."""
    monkeypatch.setattr(proof, "_MOST_BYTES", 1 << 20)
    ours(client, subject)
    own, theirs = list(list_referrers(client, REPOSITORY, subject.digest)), []
    for number in range(8):
        bundle = bytes([number]) * (300 << 10)
        world.blobs[REPOSITORY][str(Digest.of(bundle))] = bundle
        manifest = bundle_manifest(subject, bundle, predicate_type=SIGNATURE_TYPE)
        put(world, manifest)
        theirs.append(manifest.listed)
    write_list(world, subject, [*theirs, *own])
    found = read_proof(client, REPOSITORY, subject.digest, verifier())
    assert len(found.statements) == 1
    assert any("have more than 1 MiB together: the 5 largest were not read" in line for line in found.rejected)


def test_a_full_list_takes_a_denial(world: RegistrySimulator, client: Registry, subject: Descriptor) -> None:
    """D8, variant: a list of 4 MiB, to which nothing can be added."""
    ours(client, subject)
    own = list(list_referrers(client, REPOSITORY, subject.digest))
    [theirs] = flood(world, subject, 1)
    long = Descriptor(
        media_type=theirs.media_type,
        digest=theirs.digest,
        size=theirs.size,
        annotations={"x": "y" * 400_000},
    )
    write_list(world, subject, [*own, *[long] * 10])
    assert len(referrers_index((*own, *[long] * 10)).raw) > MANIFEST_LIMIT - 400_000
    denial = signer().sign(yank_statement(subject.digest, person="Ann", reason="x" * 1000))
    attach_bundle(client, REPOSITORY, subject, denial, predicate_type="yank")
    found = read_proof(client, REPOSITORY, subject.digest, verifier())
    assert len(found.denials) == 1
    assert len(found.of_type(SIGNATURE_TYPE)) == 1, "what was there first has its place"
    assert len(world.manifests[REPOSITORY][world.tags[REPOSITORY][fallback_tag(subject.digest)]][1]) <= MANIFEST_LIMIT


@pytest.mark.parametrize(
    "raw",
    [b"[]", b"{", b'{"schemaVersion": 2}', b'{"manifests": {}}', b" " * (5 << 20)],
    ids=["no object", "cut", "no list", "another list", "too long"],
)
def test_a_list_that_cannot_be_read_is_replaced_by_who_attaches(
    world: RegistrySimulator, client: Registry, subject: Descriptor, raw: bytes
) -> None:
    """D8, variant: a pusher moves the list's tag onto something that is no list."""
    world.manifests[REPOSITORY][str(Digest.of(raw))] = (MEDIA_TYPE_INDEX, raw)
    world.tags.setdefault(REPOSITORY, {})[fallback_tag(subject.digest)] = str(Digest.of(raw))
    ours(client, subject)
    assert len(read_proof(client, REPOSITORY, subject.digest, verifier()).statements) == 1


def test_entries_that_cannot_be_read_hide_none(world: RegistrySimulator, client: Registry, subject: Descriptor) -> None:
    """D8, variant: entries without digest, with another algorithm, of no object, and of manifests that are gone."""
    ours(client, subject)
    [own] = list_referrers(client, REPOSITORY, subject.digest)
    bad = [
        {},
        7,
        None,
        {"mediaType": "a/b", "digest": "sha512:" + "a" * 128, "size": 1},
        {"mediaType": "a/b", "digest": str(Digest.of(b"gone")), "size": -1},
        {"mediaType": "a/b", "digest": str(Digest.of(b"gone")), "size": 10},
    ]
    document = {"schemaVersion": 2, "mediaType": MEDIA_TYPE_INDEX, "manifests": [*bad, own.to_json(), *bad]}
    raw = json.dumps(document).encode()
    world.manifests[REPOSITORY][str(Digest.of(raw))] = (MEDIA_TYPE_INDEX, raw)
    world.tags[REPOSITORY][fallback_tag(subject.digest)] = str(Digest.of(raw))
    assert len(read_proof(client, REPOSITORY, subject.digest, verifier()).statements) == 1


def test_a_referrers_api_that_lists_many_is_read(image: LayoutImage) -> None:
    """D8, variant: the registry's own list, with 1,100 entries on one page."""
    with simulated_registry(referrers_api=True) as world, world.client() as client:
        push_image(image.layout, image.digest, Reference(client.address, REPOSITORY), client)
        subject = client.manifest(REPOSITORY, image.digest).descriptor
        ours(client, subject)
        flood(world, subject, 1100)
        assert len(read_proof(client, REPOSITORY, subject.digest, verifier()).statements) == 1
        denial = signer().sign(yank_statement(subject.digest, person="Ann", reason="leaks"))
        attach_bundle(client, REPOSITORY, subject, denial, predicate_type="yank")
        assert fallback_tag(subject.digest) not in world.tags.get(REPOSITORY, {})


def test_what_is_not_vouched_for_is_not_ours(
    world: RegistrySimulator, client: Registry, subject: Descriptor, image: LayoutImage
) -> None:
    """D14: what is copied with an image, and goes with it."""
    own = ours(client, subject)
    flood(world, subject, 3)
    unrelated = write_image(image.layout, (b"a stranger's image",))
    push_image(unrelated.layout, unrelated.digest, Reference(client.address, REPOSITORY), client)
    strange = client.manifest(REPOSITORY, unrelated.digest)
    hung = image_manifest(config=strange.blobs[0], layers=strange.blobs[1:], artifact_type="a/b", subject=subject)
    put(world, hung)
    entries = [*list_referrers(client, REPOSITORY, subject.digest), hung.listed, strange.listed]
    write_list(world, subject, [*entries, *flood(world, subject, 3)])

    def vouches(bundle: bytes, digest: Digest) -> bool:
        reading = trust().read(bundle)
        return reading.key is not None and reading.statement is not None and reading.statement.subject == digest

    found = vouched_referrers(client, REPOSITORY, subject.digest, vouches)
    assert found.ours == (own,)
    assert found.attached == ((subject.digest, (own,)),)
    assert found.strangers == 5
