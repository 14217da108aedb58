"""Publishing: what is refused, what is done in which order, and what a crash at any moment leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError, ToolError
from imagekit.checks.outcome import Outcome, SuiteResult
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.errors import (
    DigestMismatchError,
    LockedError,
    MissingObjectError,
    NotPassedError,
    TagExistsError,
    VerificationError,
)
from imagekit.registry.referrers import fallback_tag
from imagekit.release.publish import Published, publish_image
from imagekit.trust.evidence.sbom import sbom_statement
from imagekit.trust.evidence.statement import Statement
from imagekit.trust.sign.interface import SignatureError
from imagekit.trust.verify import verify_image
from tests.support.images import LayoutImage, check, evidence_of, signer, suite, verifier, write_image
from tests.support.registry import RegistrySimulator, simulated_registry

pytestmark = pytest.mark.attack

REPOSITORY = "imagekit/node"
OTHER = Digest("sha256:" + "0" * 64)


def publish(
    image: LayoutImage,
    client: Registry,
    *,
    tag: str | None = "v1",
    evidence: tuple[Statement, ...] | None = None,
    verifying: str = "ours",
) -> Published:
    return publish_image(
        image.layout,
        image.digest,
        Reference(client.address, REPOSITORY, tag),
        evidence=evidence_of(image.digest) if evidence is None else evidence,
        signer=signer(),
        verifier=verifier(verifying),
        client=client,
        locks=image.layout.parent / "locks",
    )


@pytest.mark.parametrize("referrers_api", [True, False])
def test_published_image_verifies(image: LayoutImage, referrers_api: bool) -> None:
    with simulated_registry(referrers_api=referrers_api) as world, world.client() as client:
        done = publish(image, client)
        assert str(done.reference) == f"{world.address}/{REPOSITORY}:v1@{image.digest}"
        assert done.verification.passed
        assert not done.no_op
        assert world.user_tags(REPOSITORY) == {"v1": str(image.digest)}
        assert not [tag for tag in world.tags[REPOSITORY] if "claim" in tag]
        found = verify_image(Reference(world.address, REPOSITORY, "v1"), client, verifier())
        assert [item.name for item in found.findings] == ["manifest", "content", "signature", "tests", "sbom"]
        assert found.passed


def test_order_of_the_steps(image: LayoutImage, world: RegistrySimulator, client: Registry) -> None:
    publish(image, client)
    writes = [r for r in world.requests if r.startswith(("PUT", "DELETE")) and "manifests" in r]
    assert "imagekit-claim-" in writes[0]
    assert writes[1].endswith(str(image.digest))
    assert writes[-2].endswith("/v1")
    assert writes[-1].startswith("DELETE")
    after_tag = world.requests.index(writes[-2]) + 1
    assert world.requests[after_tag] == f"GET /v2/{REPOSITORY}/manifests/v1"


def test_same_digest_again_is_a_no_op(image: LayoutImage, world: RegistrySimulator, client: Registry) -> None:
    publish(image, client)
    before, received = world.snapshot(), world.received
    again = publish(image, client)
    assert again.no_op
    assert again.sent_bytes == 0
    assert (world.snapshot(), world.received) == (before, received)


def test_claim_of_a_run_killed_after_its_tag_is_swept_by_the_next(
    image: LayoutImage, world: RegistrySimulator, client: Registry
) -> None:
    with world.client() as first:
        world.fail("DELETE", times=9, reset=True)
        publish(image, first)
    assert any("claim" in tag for tag in world.tags[REPOSITORY])
    world.faults.clear()
    assert publish(image, client).no_op
    assert not any("claim" in tag for tag in world.tags[REPOSITORY])


def test_taken_tag_is_refused_and_nothing_changes(
    image: LayoutImage, world: RegistrySimulator, client: Registry, tmp_path: Path
) -> None:
    publish(image, client)
    before, requests = world.snapshot(), len(world.requests)
    other = write_image(tmp_path / "other", (b"another",))
    with pytest.raises(TagExistsError, match=str(image.digest)) as caught:
        publish(other, client)
    assert caught.value.exit_code == 1
    assert world.snapshot() == before
    assert all(request.startswith("GET") for request in world.requests[requests:])


def test_second_push_sends_only_the_changed_layer(world: RegistrySimulator, client: Registry, tmp_path: Path) -> None:
    first = write_image(tmp_path / "oci", (b"a" * 100_000, b"b" * 100_000, b"c" * 100_000))
    second = write_image(tmp_path / "oci", (b"a" * 100_000, b"b" * 100_000, b"d" * 3_000))
    publish(first, client)
    sent = publish(second, client, tag="v2").sent_bytes
    assert 3_000 < sent < 10_000


@pytest.mark.parametrize(
    "result",
    [
        suite(check("root", Outcome.FAILED)),
        suite(check("root"), check("net", Outcome.ERRORED)),
        suite(check("root"), check("net", Outcome.SKIPPED)),
        suite(check("root"), check("net", Outcome.MISSING)),
        SuiteResult(suite_hash="5u17e", checks=(), seconds=0.0),
        suite(check("root", required=False)),
    ],
    ids=["failed", "errored", "skipped", "missing", "none", "none-required"],
)
def test_what_did_not_pass_is_not_published(
    image: LayoutImage, world: RegistrySimulator, client: Registry, result: SuiteResult
) -> None:
    with pytest.raises(NotPassedError, match=str(image.digest)) as caught:
        publish(image, client, evidence=evidence_of(image.digest, result))
    assert caught.value.exit_code == 1
    assert world.requests == []


def test_evidence_must_be_there_and_about_this_digest(image: LayoutImage, client: Registry) -> None:
    tested, listed = evidence_of(image.digest)
    for evidence in [(), (tested,), (listed,), (tested, sbom_statement(image.digest, {}))]:
        with pytest.raises(NotPassedError):
            publish(image, client, evidence=evidence)
    with pytest.raises(NotPassedError, match="speaks of 000000000000"):
        publish(image, client, evidence=evidence_of(OTHER))
    with pytest.raises(NotPassedError, match="evidence about 000000000000"):
        publish(image, client, evidence=(tested, listed, evidence_of(OTHER)[1]))


def test_a_warning_does_not_block_and_is_told(image: LayoutImage, client: Registry) -> None:
    result = suite(check("root"), check("slow", Outcome.FAILED, required=False))
    done = publish(image, client, evidence=evidence_of(image.digest, result))
    assert "1 warned" in {item.name: item.reason for item in done.verification.findings}["tests"]


@pytest.mark.parametrize("tag", [None, "imagekit-claim-x", "sha256-abc", "SHA512-" + "a" * 64, "imagekit-next"])
def test_names_that_cannot_be_given(image: LayoutImage, client: Registry, tag: str | None) -> None:
    with pytest.raises(ConfigError):
        publish(image, client, tag=tag)


def test_damaged_layout_is_refused_before_a_tag(image: LayoutImage, world: RegistrySimulator, client: Registry) -> None:
    layer = image.layout / "blobs" / "sha256" / image.layers[0].hex
    layer.write_bytes(b"x" * layer.stat().st_size)
    with pytest.raises(DigestMismatchError, match=image.layers[0].hex):
        publish(image, client)
    layer.unlink()
    with pytest.raises(MissingObjectError, match=image.layers[0].hex):
        publish(image, client)
    assert world.user_tags(REPOSITORY) == {}
    assert not [tag for tag in world.tags.get(REPOSITORY, {}) if "claim" in tag]


def test_a_key_whose_word_does_not_count_sends_nothing(
    image: LayoutImage, world: RegistrySimulator, client: Registry
) -> None:
    """D33: what is signed is read back as readers do before anything is pushed."""
    with pytest.raises(SignatureError, match="does not count here"):
        publish(image, client, verifying="theirs")
    assert world.user_tags(REPOSITORY) == {}
    assert [each for each in world.requests if not each.startswith(("GET", "HEAD"))] == []


def test_registry_that_loses_a_layer_gets_no_tag(
    image: LayoutImage, world: RegistrySimulator, client: Registry
) -> None:
    def lose() -> None:
        world.blobs[REPOSITORY][str(image.layers[1])] = b"rot"

    world.fail(f"PUT .*/manifests/{image.digest}", act=lose)
    with pytest.raises(VerificationError, match=str(image.layers[1])):
        publish(image, client)
    assert world.user_tags(REPOSITORY) == {}


def test_registry_that_forgets_the_tag_is_found_out(
    image: LayoutImage, world: RegistrySimulator, client: Registry
) -> None:
    world.fail("PUT .*/manifests/v1", status=201)
    with pytest.raises(VerificationError, match="took the tag v1"):
        publish(image, client)


def test_lost_referrers_are_found_out(image: LayoutImage, world: RegistrySimulator, client: Registry) -> None:
    world.fail(f"PUT .*/{fallback_tag(image.digest)}", status=201, times=99)
    with pytest.raises(VerificationError, match=r"answers status 404, and the tag sha256-\w+ is not there"):
        publish(image, client)
    assert world.user_tags(REPOSITORY) == {}


def test_tag_given_by_another_meanwhile_is_refused(
    image: LayoutImage, world: RegistrySimulator, client: Registry
) -> None:
    def other_publisher() -> None:
        world.manifests[REPOSITORY][str(OTHER)] = ("application/vnd.oci.image.index.v1+json", b'{"manifests":[]}')
        world.tags[REPOSITORY]["v1"] = str(OTHER)

    world.fail(f"PUT .*/manifests/{image.digest}", act=other_publisher)
    with pytest.raises(TagExistsError):
        publish(image, client)
    assert world.user_tags(REPOSITORY) == {"v1": str(OTHER)}


def test_claim_taken_away_meanwhile_stops_before_the_tag(
    image: LayoutImage, world: RegistrySimulator, client: Registry
) -> None:
    def take_claim() -> None:
        for tag in [tag for tag in world.tags[REPOSITORY] if "claim" in tag]:
            del world.tags[REPOSITORY][tag]

    world.fail(f"PUT .*/manifests/{image.digest}", act=take_claim)
    with pytest.raises(LockedError):
        publish(image, client)
    assert world.user_tags(REPOSITORY) == {}


def test_tag_without_evidence_is_completed(image: LayoutImage, world: RegistrySimulator, client: Registry) -> None:
    publish(image, client)
    del world.tags[REPOSITORY][fallback_tag(image.digest)]
    done = publish(image, client)
    assert not done.no_op
    assert done.verification.passed


def _requests_of_a_publish(image: LayoutImage, switches: dict[str, bool]) -> int:
    with simulated_registry(**switches) as world, world.client() as client:
        publish(image, client)
        return len(world.requests)


def _moments_of_a_publish(image: LayoutImage, switches: dict[str, bool]) -> list[int]:
    """Numbers of the requests before which the registry holds something else than before the one ahead."""
    with simulated_registry(**switches) as world, world.client() as client:
        publish(image, client)
        seen = [request.startswith(("GET", "HEAD")) for request in world.requests]
    return [0, *(number for number, only_read in enumerate(seen, start=1) if not only_read)]


@pytest.mark.parametrize(
    "switches", [{}, {"referrers_api": True}, {"deletes": False}], ids=["fallback", "referrers", "no-delete"]
)
def test_crash_at_every_step_leaves_no_unproven_tag_and_a_rerun_completes(
    image: LayoutImage, switches: dict[str, bool]
) -> None:
    """The network is cut for good after each write: for the registry the same as kill -9 of the publisher.

    A cut before another read finds the registry as it was after the write ahead of it.
    """
    for moment in _moments_of_a_publish(image, switches):
        with simulated_registry(**switches) as world:
            world.down_after = moment
            with world.client() as client:
                _publish_or_fail(image, client, world)
            world.down_after = None
            with world.client() as client:
                _require_no_unproven_tag(world, client, image)
                assert publish(image, client).verification.passed, f"after a crash before request {moment}"
                assert publish(image, client).no_op
                assert world.user_tags(REPOSITORY) == {"v1": str(image.digest)}
                assert switches.get("deletes") is False or not [t for t in world.tags[REPOSITORY] if "claim" in t]


def _publish_or_fail(image: LayoutImage, client: Registry, world: RegistrySimulator) -> None:
    try:
        publish(image, client)
    except ToolError:
        return
    assert world.user_tags(REPOSITORY), "published without a tag"


def _require_no_unproven_tag(world: RegistrySimulator, client: Registry, image: LayoutImage) -> None:
    if world.user_tags(REPOSITORY):
        assert verify_image(Reference(world.address, REPOSITORY, "v1"), client, verifier()).passed
        assert world.user_tags(REPOSITORY) == {"v1": str(image.digest)}


def test_one_passing_failure_at_every_step_does_not_stop_a_publish(image: LayoutImage) -> None:
    for moment in range(_requests_of_a_publish(image, {})):
        with simulated_registry() as world, world.client() as client:
            world.fail("", skip=moment, reset=True)
            assert publish(image, client).verification.passed
            assert world.faults[0].times == 0
