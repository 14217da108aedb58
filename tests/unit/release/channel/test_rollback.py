"""Rollback: to what was there before, verified again; and what is left is held back."""

from __future__ import annotations

import pytest

from imagekit.base.errors import ConfigError
from imagekit.oci.reference import Digest
from imagekit.registry.errors import VerificationError
from imagekit.release.channel.errors import MoveRefusedError
from imagekit.release.channel.promote import promote
from imagekit.release.channel.rollback import rollback
from imagekit.release.channel.yank import yank
from tests.support.desk import IMAGE, Office
from tests.unit.release.channel.conftest import Publish

pytestmark = pytest.mark.attack


@pytest.fixture
def three(office: Office, publish: Publish) -> list[Digest]:
    digests = [publish(version) for version in ("v1", "v2", "v3")]
    for digest in digests:
        promote(office.desk(), office.source(digest), "prod", image=IMAGE)
    return digests


def pointed(office: Office) -> str:
    return office.desk().channel("prod").images[IMAGE].version


def test_the_one_before_is_the_default_and_the_next_rollback_goes_further(office: Office, three: list[Digest]) -> None:
    moved = rollback(office.desk(), "prod", image=IMAGE, reason="bad news")
    assert (moved.pointer.version, moved.pointer.held[0].version) == ("v2", "v3")
    assert moved.pointer.held[0].reason == "bad news"
    rollback(office.desk(), "prod", image=IMAGE, reason="worse news")
    assert pointed(office) == "v1"
    with pytest.raises(MoveRefusedError, match="no earlier version"):
        rollback(office.desk(), "prod", image=IMAGE, reason="and worse")
    assert len(office.desk().chain().records) == 5


def test_a_version_or_digest_can_be_named(office: Office, three: list[Digest]) -> None:
    home = office.desk().home("prod", IMAGE)
    rollback(office.desk(), "prod", image=IMAGE, to=home.tagged("v1"), reason="bad news")
    assert pointed(office) == "v1"
    rollback(office.desk(), "prod", image=IMAGE, to=home.at(three[1]), reason="v1 is too old")
    assert pointed(office) == "v2"
    with pytest.raises(MoveRefusedError, match="never in prod"):
        rollback(office.desk(), "prod", image=IMAGE, to=home.tagged("v9"), reason="x")
    with pytest.raises(MoveRefusedError, match="already"):
        rollback(office.desk(), "prod", image=IMAGE, to=home.tagged("v2"), reason="x")


def test_old_tests_and_soak_do_not_stop_it_but_a_lost_signature_does(office: Office, three: list[Digest]) -> None:
    office.closed = {"tests": "90 days old", "soak": "0 days"}
    rollback(office.desk(), "prod", image=IMAGE, reason="bad news")
    assert pointed(office) == "v2"
    office.closed = {"signature": "key revoked"}
    with pytest.raises(MoveRefusedError, match="key revoked"):
        rollback(office.desk(), "prod", image=IMAGE, reason="bad news")
    assert pointed(office) == "v2"


def test_altered_content_stops_it(office: Office, three: list[Digest]) -> None:
    blobs = office.simulator.blobs["imagekit/prod/node"]
    layer = next(name for name, data in blobs.items() if data.startswith(b"v2"))
    blobs[layer] = b"v2" * 499 + b"xx"
    with pytest.raises(VerificationError, match="does not hold"):
        rollback(office.desk(), "prod", image=IMAGE, reason="bad news")
    assert pointed(office) == "v3"


def test_a_yanked_version_is_passed_over_and_refused_by_name(office: Office, three: list[Digest]) -> None:
    yank(office.desk(), office.source(three[1]), image=IMAGE, reason="leaks", homes=[])
    with pytest.raises(MoveRefusedError, match="leaks"):
        rollback(office.desk(), "prod", image=IMAGE, to=office.desk().home("prod", IMAGE).tagged("v2"), reason="x")
    rollback(office.desk(), "prod", image=IMAGE, reason="bad news")
    assert pointed(office) == "v1"


def test_a_denial_that_only_the_gate_knows_of_stops_it(office: Office, three: list[Digest]) -> None:
    office.closed = {"yank": "yanked by Bob: leaks"}
    with pytest.raises(MoveRefusedError, match="does not hold any more: yank: yanked by Bob: leaks"):
        rollback(office.desk(), "prod", image=IMAGE, reason="bad news")
    assert pointed(office) == "v3"


def test_a_reason_is_needed_and_something_to_leave(office: Office) -> None:
    with pytest.raises(ConfigError, match="needs a reason"):
        rollback(office.desk(), "prod", image=IMAGE, reason=" ")
    with pytest.raises(MoveRefusedError, match="points at nothing"):
        rollback(office.desk(), "prod", image=IMAGE, reason="x")
