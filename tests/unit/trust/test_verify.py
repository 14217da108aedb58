"""Verification from a cold start: each thing that may be missing, forged or altered is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imagekit.checks.outcome import Outcome
from imagekit.oci.manifest import Descriptor, Manifest, image_index
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.errors import RegistryUnavailableError
from imagekit.registry.referrers import attach_bundle, fallback_tag, list_referrers
from imagekit.registry.transfer import copy_image, push_image
from imagekit.trust.evidence.decisions import yank_statement
from imagekit.trust.evidence.statement import Statement, signature_statement
from imagekit.trust.evidence.testresult import result_statement
from imagekit.trust.gate.collect import decide
from imagekit.trust.gate.policy import Policy, Provenance, Requirements
from imagekit.trust.proof import read_proof
from imagekit.trust.sign.trustfile import Purpose
from imagekit.trust.verify import Verification, verify_content, verify_image
from tests.support.images import BOOT, LayoutImage, check, evidence_of, signer, suite, verifier, write_image
from tests.support.registry import RegistrySimulator, simulated_registry
from tests.support.release import provenance, sealed, trust, trusted

pytestmark = pytest.mark.attack

REPOSITORY = "imagekit/node"
OTHER = Digest("sha256:" + "0" * 64)


def put(client: Registry, image: LayoutImage, *statements: Statement, by: str = "ours") -> Reference:
    """Push an image and attach these statements."""
    reference = Reference(client.address, REPOSITORY, None, image.digest)
    push_image(image.layout, image.digest, reference, client)
    subject = client.manifest(REPOSITORY, image.digest).descriptor
    for statement in statements:
        bundle = signer(by).sign(statement)
        attach_bundle(client, REPOSITORY, subject, bundle, predicate_type=statement.predicate_type)
    return reference


def whole(image: LayoutImage) -> tuple[Statement, ...]:
    return (*evidence_of(image.digest), signature_statement(image.digest, {"channel": "dev"}))


def unsatisfied(found: Verification) -> list[str]:
    return [item.name for item in found.unsatisfied]


def test_all_there(image: LayoutImage, client: Registry) -> None:
    found = verify_image(put(client, image, *whole(image)), client, verifier())
    assert found.passed
    assert found.digest == image.digest
    assert "channel=dev" in found.findings[2].reason


def test_yanked_is_not_verified_whatever_else_holds(image: LayoutImage, client: Registry) -> None:
    denial = yank_statement(image.digest, person="Ada", reason="leaks memory")
    found = verify_image(put(client, image, *whole(image), denial), client, verifier())
    assert unsatisfied(found) == ["yank"]
    assert "yanked by Ada: leaks memory" in found.unsatisfied[0].reason


def test_a_denial_by_a_stranger_counts_for_nothing(image: LayoutImage, client: Registry) -> None:
    reference = put(client, image, *whole(image))
    put(client, image, yank_statement(image.digest, person="Eve", reason="x"), by="eve")
    assert verify_image(reference, client, verifier()).passed


def test_nothing_there(image: LayoutImage, client: Registry) -> None:
    absent = verify_image(Reference(client.address, REPOSITORY, "v1"), client, verifier())
    assert unsatisfied(absent) == ["manifest"]
    assert not absent.passed
    bare = verify_image(put(client, image), client, verifier())
    assert unsatisfied(bare) == ["signature", "tests", "sbom"]


def test_attestation_is_no_signature(image: LayoutImage, client: Registry) -> None:
    found = verify_image(put(client, image, *evidence_of(image.digest)), client, verifier())
    assert unsatisfied(found) == ["signature"]
    assert "found only https://" in found.unsatisfied[0].reason


def test_each_statement_is_required(image: LayoutImage, client: Registry) -> None:
    tested, _listed, signed = whole(image)
    assert unsatisfied(verify_image(put(client, image, tested, signed), client, verifier())) == ["sbom"]


def test_another_key(image: LayoutImage, client: Registry) -> None:
    found = verify_image(put(client, image, *whole(image), by="theirs"), client, verifier())
    assert unsatisfied(found) == ["signature", "tests", "sbom"]
    assert "another key" in found.unsatisfied[0].reason


def test_foreign_signature_beside_ours_does_not_matter(image: LayoutImage, client: Registry) -> None:
    put(client, image, *whole(image), by="theirs")
    assert verify_image(put(client, image, *whole(image)), client, verifier()).passed


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.PASSED])
def test_result_that_did_not_pass(image: LayoutImage, client: Registry, outcome: Outcome) -> None:
    bad = result_statement(image.digest, suite(check("root", outcome)), [BOOT], harness_version="1")
    put(client, image, *whole(image))
    found = verify_image(put(client, image, bad), client, verifier())
    assert unsatisfied(found) == ["tests"]
    assert "1 of 2" in found.unsatisfied[0].reason


def test_result_of_another_suite(image: LayoutImage, client: Registry) -> None:
    reference = put(client, image, *whole(image))
    assert verify_image(reference, client, verifier(), suite_hash="5u17e").passed
    assert unsatisfied(verify_image(reference, client, verifier(), suite_hash="other")) == ["tests"]


def test_statements_about_another_image_hung_on_this_one(image: LayoutImage, client: Registry) -> None:
    foreign = (*evidence_of(OTHER), signature_statement(OTHER))
    found = verify_image(put(client, image, *foreign), client, verifier())
    assert unsatisfied(found) == ["signature", "tests", "sbom"]
    assert "another image" in found.unsatisfied[0].reason


def test_any_altered_object_is_named(image: LayoutImage, world: RegistrySimulator, client: Registry) -> None:
    reference = put(client, image, *whole(image))
    stored = world.blobs[REPOSITORY]
    for digest, data in list(stored.items()):
        for changed in (data[:-1] + b"?", data[:-1], data + b"?", b""):
            stored[digest] = changed
            found = verify_image(reference, client, verifier())
            named = any(digest in item.reason or digest[7:19] in item.reason for item in found.unsatisfied)
            assert named or data == b"{}", digest
        stored[digest] = data
    assert verify_image(reference, client, verifier()).passed


def test_altered_manifest_is_named(image: LayoutImage, world: RegistrySimulator, client: Registry) -> None:
    reference = put(client, image, *whole(image))
    kind, raw = world.manifests[REPOSITORY][str(image.digest)]
    world.manifests[REPOSITORY][str(image.digest)] = (kind, raw.replace(b"layers", b"Layers"))
    found = verify_image(reference, client, verifier())
    assert unsatisfied(found) == ["manifest"]
    assert str(image.digest) in found.unsatisfied[0].reason


def index_of(client: Registry, *entries: Descriptor) -> Manifest:
    """An index in the registry that lists these."""
    made = image_index(entries)
    client.put_manifest(REPOSITORY, made)
    return made


def test_altered_image_in_an_index_is_named(image: LayoutImage, world: RegistrySimulator, client: Registry) -> None:
    put(client, image)
    outer = index_of(client, client.manifest(REPOSITORY, image.digest).descriptor)
    assert verify_content(client, REPOSITORY, outer.digest).satisfied
    layer = world.blobs[REPOSITORY][str(image.layers[1])]
    world.blobs[REPOSITORY][str(image.layers[1])] = layer[:-1] + b"?"
    assert str(image.layers[1]) in verify_content(client, REPOSITORY, outer.digest).reason
    world.blobs[REPOSITORY][str(image.layers[1])] = layer
    kind, raw = world.manifests[REPOSITORY][str(image.digest)]
    world.manifests[REPOSITORY][str(image.digest)] = (kind, raw.replace(b"layers", b"Layers"))
    found = verify_content(client, REPOSITORY, outer.digest)
    assert (found.satisfied, str(image.digest) in found.reason) == (False, True)


def test_indices_in_indices_come_to_an_end(image: LayoutImage, client: Registry) -> None:
    put(client, image)
    made = client.manifest(REPOSITORY, image.digest)
    for _ in range(4):
        made = index_of(client, made.descriptor)
    assert "nested deeper than 3" in verify_content(client, REPOSITORY, made.digest).reason


@pytest.mark.parametrize("spoil", [lambda raw: b"{}", lambda raw: b"[]", lambda raw: raw[:-3]])
def test_spoilt_list_of_referrers_fails_closed(
    image: LayoutImage, world: RegistrySimulator, client: Registry, spoil: Callable[[bytes], bytes]
) -> None:
    reference = put(client, image, *whole(image))
    digest = world.tags[REPOSITORY][fallback_tag(image.digest)]
    kind, raw = world.manifests[REPOSITORY][digest]
    world.manifests[REPOSITORY][digest] = (kind, spoil(raw))
    assert unsatisfied(verify_image(reference, client, verifier())) == ["signature", "tests", "sbom"]


def test_tag_is_resolved_once(image: LayoutImage, world: RegistrySimulator, client: Registry, tmp_path: Path) -> None:
    put(client, image, *whole(image))
    evil = write_image(tmp_path / "evil", (b"evil",))
    put(client, evil)
    world.tags[REPOSITORY]["v1"] = str(image.digest)

    def move() -> None:
        world.tags[REPOSITORY]["v1"] = str(evil.digest)

    world.fail(f"GET .*/blobs/{image.layers[0]}", act=move)
    found = verify_image(Reference(client.address, REPOSITORY, "v1"), client, verifier())
    assert found.digest == image.digest
    assert found.passed
    assert world.user_tags(REPOSITORY)["v1"] == str(evil.digest)


def test_registry_that_cannot_be_asked_is_an_error_not_an_answer(
    image: LayoutImage, world: RegistrySimulator, client: Registry
) -> None:
    reference = put(client, image, *whole(image))
    world.fail("GET", times=99, status=503)
    with pytest.raises(RegistryUnavailableError):
        verify_image(reference, client, verifier())


def test_copy_takes_along_what_it_is_told_and_mounts(
    image: LayoutImage, world: RegistrySimulator, client: Registry
) -> None:
    source = put(client, image, *whole(image))
    target = Reference(client.address, "imagekit/prod")
    received = world.received
    attached = [(image.digest, [each.digest for each in list_referrers(client, source.repository, image.digest)])]
    copied = copy_image(source, image.digest, target, client, client, attached=attached)
    assert copied.sent_bytes == 0
    assert world.received == received
    assert verify_image(copied.reference, client, verifier()).passed
    copy_image(source, image.digest, target, client, client, attached=attached)
    assert len(read_proof(client, "imagekit/prod", image.digest, verifier()).statements) == 3


@pytest.mark.parametrize("referrers_api", [True, False])
def test_copy_to_another_registry(image: LayoutImage, client: Registry, referrers_api: bool) -> None:
    source = put(client, image, *whole(image))
    with simulated_registry(referrers_api=referrers_api) as there, there.client() as other:
        attached = [(image.digest, [each.digest for each in list_referrers(client, source.repository, image.digest)])]
        mirror = Reference(other.address, "mirror/node")
        copied = copy_image(source, image.digest, mirror, client, other, attached=attached)
        assert verify_image(copied.reference, other, verifier()).passed
        assert there.tags.get("mirror/node", {}).keys() <= {fallback_tag(image.digest)}


def entitle(client: Registry, digest: Digest, *statements: Statement, by: str = "ours") -> None:
    """Attach these statements to what is there."""
    subject = client.manifest(REPOSITORY, digest).descriptor
    for statement in statements:
        bundle = signer(by).sign(statement)
        attach_bundle(client, REPOSITORY, subject, bundle, predicate_type=statement.predicate_type)


def test_an_index_counts_only_with_evidence_of_each_image(image: LayoutImage, client: Registry, tmp_path: Path) -> None:
    """Weak point without a row: untested images in a signed index passed."""
    other = write_image(tmp_path / "other", (b"arm",))
    for each in (image, other):
        put(client, each)
    index = index_of(client, *(client.manifest(REPOSITORY, each.digest).descriptor for each in (image, other)))
    reference = Reference(client.address, REPOSITORY, None, index.digest)
    entitle(client, index.digest, *evidence_of(index.digest), signature_statement(index.digest))
    entitle(client, image.digest, *whole(image))
    found = verify_image(reference, client, verifier())
    assert unsatisfied(found) == [f"{other.digest.short}/{name}" for name in ("signature", "tests", "sbom")]
    entitle(client, other.digest, *whole(other))
    assert verify_image(reference, client, verifier()).passed
    entitle(client, other.digest, yank_statement(other.digest, person="Ada", reason="leaks"))
    assert unsatisfied(verify_image(reference, client, verifier())) == [f"{other.digest.short}/yank"]


def test_images_of_a_nested_index_need_evidence_too(image: LayoutImage, client: Registry) -> None:
    """The same, variant: an index in the index."""
    put(client, image)
    inner = index_of(client, client.manifest(REPOSITORY, image.digest).descriptor)
    outer = index_of(client, inner.descriptor)
    entitle(client, outer.digest, *evidence_of(outer.digest), signature_statement(outer.digest))
    found = verify_image(Reference(client.address, REPOSITORY, None, outer.digest), client, verifier())
    assert unsatisfied(found) == [f"{image.digest.short}/{name}" for name in ("signature", "tests", "sbom")]


def test_an_index_of_too_many_images_is_refused(image: LayoutImage, client: Registry, tmp_path: Path) -> None:
    """The same, variant: each image costs reads, so their number is bounded."""
    images = [write_image(tmp_path / str(n), (f"{n}".encode(),)) for n in range(17)]
    for each in images:
        put(client, each)
    index = index_of(client, *(client.manifest(REPOSITORY, each.digest).descriptor for each in images))
    found = verify_image(Reference(client.address, REPOSITORY, None, index.digest), client, verifier())
    assert "an index of more than 16 images" in {item.name: item.reason for item in found.unsatisfied}["images"]


@pytest.mark.parametrize(
    "odd",
    [
        lambda said: said.replace(b'"predicate":{', b'"predicate":["x",{').replace(
            b'},"predicateType"', b'}],"predicateType"'
        ),
        lambda said: said.replace(b"yank:v1", b"yank:v9"),
        lambda said: said[:-1],
    ],
    ids=["predicate of another shape", "later version", "cut off"],
)
def test_a_denial_that_is_not_in_order_closes_verify_as_it_closes_the_gate(
    image: LayoutImage, client: Registry, odd: Callable[[bytes], bytes]
) -> None:
    """D11: the gate's table of them is in gate/test_attacks.py; the function is the same."""
    reference = put(client, image, *whole(image))
    subject = client.manifest(REPOSITORY, image.digest).descriptor
    said = odd(yank_statement(image.digest, person="Ada", reason="x").to_bytes())
    attach_bundle(client, REPOSITORY, subject, sealed("eve", said), predicate_type="x")
    assert verify_image(reference, client, verifier()).passed, "a stranger closes nothing"
    attach_bundle(client, REPOSITORY, subject, sealed("ours", said), predicate_type="x")
    found = verify_image(reference, client, verifier())
    assert unsatisfied(found) == ["yank"]
    assert "in a form that cannot be read" in found.unsatisfied[0].reason


def test_evidence_of_another_image_is_refused(image: LayoutImage, client: Registry) -> None:
    """D3: copied with its digest into this repository, whose name is another."""
    reference = put(client, image, *whole(image), provenance(image.digest, image="rocky9-k0s-node"))
    found = verify_image(reference, client, verifier())
    assert unsatisfied(found) == ["identity"]
    assert "is about image rocky9-k0s-node, not node" in found.unsatisfied[0].reason


@pytest.mark.parametrize(
    "predicate",
    [
        {"result": "FAILED"},
        {"result": "PASSED"},
        {"result": "PASSED", "checks": []},
        {"result": "PASSED", "checks": "all"},
        {"result": "PASSED", "checks": [{"id": "a", "outcome": "passed", "required": False}]},
        {"result": "FAILED", "checks": [{"id": "a", "outcome": "passed"}]},
        {"result": "PASSED", "checks": [{"id": "a", "outcome": "passed"}, {"id": "a", "outcome": "failed"}]},
        {"result": "PASSED", "checks": [{"id": "a", "outcome": "passed"}, 7]},
        {"result": "PASSED", "checks": [{"id": "a", "outcome": "passed"}], "failedTests": ["b"]},
        {"result": "PASSED", "checks": [{"id": "a", "outcome": "passed"}], "scenarios": {"install": "passed"}},
        {"result": ["PASSED"], "checks": [{"id": "a", "outcome": "passed"}]},
        {},
    ],
)
def test_gate_and_verify_judge_a_second_result_alike(
    image: LayoutImage, client: Registry, predicate: dict[str, Any]
) -> None:
    """D12: one function reads a result; what one of the two refused both refuse."""
    put(client, image, *whole(image))
    bad = replace(evidence_of(image.digest)[0], predicate=predicate)
    reference = put(client, image, bad)
    assert unsatisfied(verify_image(reference, client, verifier())) == ["tests"]
    relaxed = Requirements(sbom=(), provenance=Provenance(required=False), embedded=True)
    rules = Policy(version=1, publish=relaxed, channels={"dev": relaxed})
    store = trust([trusted("ours", Purpose.BUILD)])
    suites = {"node": "5u17e"}
    decision = decide(client, reference, "dev", rules, store, suites=suites)
    assert {item.name.partition("/")[0] for item in decision.unsatisfied} - {"identity"} <= {"tests", "check"}
    assert {item.name.partition("/")[0] for item in decision.unsatisfied} - {"identity"}
