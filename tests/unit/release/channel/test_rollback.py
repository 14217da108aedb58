"""Rollback: to what was there before, verified again; and what is left is blocked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from imagekit.base.errors import ConfigError
from imagekit.oci.reference import Digest
from imagekit.registry.errors import VerificationError
from imagekit.release.channel.errors import MoveRefusedError
from imagekit.release.channel.promote import promote
from imagekit.release.channel.rollback import rollback
from imagekit.release.channel.yank import yank
from imagekit.trust.finding import Requirement, finding
from imagekit.trust.gate.model import Decision
from tests.support.releasefixture import IMAGE, ReleaseFixture
from tests.support.releasestates import ReleaseStates
from tests.unit.release.channel.conftest import Publish

pytestmark = pytest.mark.attack


@pytest.fixture
def three(fixture: ReleaseFixture, publish: Publish, states: ReleaseStates) -> list[Digest]:
    def make() -> list[Digest]:
        digests = [publish(version) for version in ("v1", "v2", "v3")]
        for digest in digests:
            promote(fixture.context(), fixture.source(digest), "prod", image=IMAGE)
        return digests

    return states.begin("three", fixture, make)


def pointed(fixture: ReleaseFixture) -> str:
    return fixture.context().channel("prod").images[IMAGE].version


def test_the_one_before_is_the_default_and_the_next_rollback_goes_further(
    fixture: ReleaseFixture, three: list[Digest]
) -> None:
    moved = rollback(fixture.context(), "prod", image=IMAGE, reason="bad news")
    assert (moved.pointer.version, moved.pointer.blocked[0].version) == ("v2", "v3")
    assert moved.pointer.blocked[0].reason == "bad news"
    rollback(fixture.context(), "prod", image=IMAGE, reason="worse news")
    assert pointed(fixture) == "v1"
    with pytest.raises(MoveRefusedError, match="no earlier version"):
        rollback(fixture.context(), "prod", image=IMAGE, reason="and worse")
    assert len(fixture.context().chain().records) == 5


def test_a_version_or_digest_can_be_named(fixture: ReleaseFixture, three: list[Digest]) -> None:
    home = fixture.context().home("prod", IMAGE)
    rollback(fixture.context(), "prod", image=IMAGE, to=home.tagged("v1"), reason="bad news")
    assert pointed(fixture) == "v1"
    rollback(fixture.context(), "prod", image=IMAGE, to=home.at(three[1]), reason="v1 is too old")
    assert pointed(fixture) == "v2"
    with pytest.raises(MoveRefusedError, match="never in prod"):
        rollback(fixture.context(), "prod", image=IMAGE, to=home.tagged("v9"), reason="x")
    with pytest.raises(MoveRefusedError, match="already"):
        rollback(fixture.context(), "prod", image=IMAGE, to=home.tagged("v2"), reason="x")


def test_old_tests_and_soak_do_not_stop_it_but_a_lost_signature_does(
    fixture: ReleaseFixture, three: list[Digest]
) -> None:
    fixture.closed = {"tests": "90 days old", "soak": "0 days"}
    rollback(fixture.context(), "prod", image=IMAGE, reason="bad news")
    assert pointed(fixture) == "v2"
    fixture.closed = {"signature": "key revoked"}
    with pytest.raises(MoveRefusedError, match="key revoked"):
        rollback(fixture.context(), "prod", image=IMAGE, reason="bad news")
    assert pointed(fixture) == "v2"


def test_altered_content_stops_it(fixture: ReleaseFixture, three: list[Digest]) -> None:
    blobs = fixture.simulator.blobs["imagekit/prod/node"]
    layer = next(name for name, data in blobs.items() if data.startswith(b"v2"))
    blobs[layer] = b"v2" * 499 + b"xx"
    with pytest.raises(VerificationError, match="does not hold"):
        rollback(fixture.context(), "prod", image=IMAGE, reason="bad news")
    assert pointed(fixture) == "v3"


def test_a_yanked_version_is_passed_over_and_refused_by_name(fixture: ReleaseFixture, three: list[Digest]) -> None:
    yank(fixture.context(), fixture.source(three[1]), image=IMAGE, reason="leaks", homes=[])
    with pytest.raises(MoveRefusedError, match="leaks"):
        rollback(
            fixture.context(), "prod", image=IMAGE, to=fixture.context().home("prod", IMAGE).tagged("v2"), reason="x"
        )
    rollback(fixture.context(), "prod", image=IMAGE, reason="bad news")
    assert pointed(fixture) == "v1"


def test_a_denial_that_only_the_gate_knows_of_stops_it(fixture: ReleaseFixture, three: list[Digest]) -> None:
    fixture.closed = {"yank": "yanked by Bob: leaks"}
    with pytest.raises(MoveRefusedError, match="does not hold any more: yank: yanked by Bob: leaks"):
        rollback(fixture.context(), "prod", image=IMAGE, reason="bad news")
    assert pointed(fixture) == "v3"


def test_a_reason_is_needed_and_something_to_leave(fixture: ReleaseFixture) -> None:
    with pytest.raises(ConfigError, match="needs a reason"):
        rollback(fixture.context(), "prod", image=IMAGE, reason=" ")
    with pytest.raises(MoveRefusedError, match="points at nothing"):
        rollback(fixture.context(), "prod", image=IMAGE, reason="x")


@pytest.mark.parametrize("requirement", [Requirement.YANK, Requirement.SIGNATURE, Requirement.EVIDENCE])
def test_nothing_goes_back_to_an_index_of_which_one_image_does_not_hold(
    fixture: ReleaseFixture, three: list[Digest], requirement: Requirement
) -> None:
    """A node takes the image of its architecture; that it was withdrawn says the answer about that one alone."""
    context = fixture.context()
    bad = replace(finding(requirement, False, "withdrawn by Ann"), image="0123456789ab")

    def gate(*asked: Any) -> Decision:
        decision = context.gate(*asked)
        return replace(decision, findings=(*decision.findings, bad))

    with pytest.raises(MoveRefusedError, match=f"0123456789ab/{requirement}: withdrawn by Ann"):
        rollback(replace(context, gate=gate), "prod", image=IMAGE, reason="bad news")
    assert pointed(fixture) == "v3"
