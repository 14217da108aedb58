"""Promotion: only what the gate lets in, complete or not at all, and told in the ledger."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError, ImagekitError
from imagekit.oci.manifest import image_index, image_manifest
from imagekit.oci.reference import Reference
from imagekit.registry.errors import MissingObjectError, TagExistsError, VerificationError
from imagekit.registry.referrers import attach, attach_bundle, fallback_tag, list_referrers
from imagekit.registry.transfer import push_image
from imagekit.release.channel.errors import MoveRefusedError
from imagekit.release.channel.promote import VERSION_LABEL, promote
from imagekit.release.channel.rollback import rollback
from imagekit.release.ledger.record import Action, LedgerError
from imagekit.trust.evidence.statement import SIGNATURE_TYPE, signature_statement
from imagekit.trust.gate.model import GateClosedError
from imagekit.trust.sign.native import NativeSigner
from tests.support.images import fixed_key, key, write_image
from tests.support.project import git
from tests.support.releasefixture import IMAGE, ReleaseFixture
from tests.unit.release.channel.conftest import Publish

pytestmark = pytest.mark.attack


def test_a_digest_enters_with_tag_record_and_channel_file(fixture: ReleaseFixture, publish: Publish) -> None:
    digest = publish("v1")
    moved = promote(fixture.context(), fixture.source(digest), "dev", image=IMAGE, reason="first")
    assert fixture.tagged("dev") == {"v1": str(digest)}
    assert moved.pointer.digest == str(digest)
    assert moved.pointer.reference == f"{fixture.simulator.address}/imagekit/dev/{IMAGE}@{digest}"
    [record] = fixture.context().chain().records
    assert (record.action, record.channel, record.version) == (Action.PROMOTE, "dev", "v1")
    assert (record.actor, record.reason, record.before) == ("ann@example.org", "first", None)
    assert ("tests", "satisfied: good") in record.decision
    log = git(fixture.root / "work", "log", "-1", "--format=%B", "--name-only")
    assert log.startswith("dev: promote node v1\n")
    assert {"channels/dev.yaml", "ledger/000001.json"} <= set(log.split())
    assert fixture.asked == [("imagekit/node", "dev"), ("imagekit/dev/node", "dev")]
    assert fixture.summaries == [("imagekit/dev/node", "dev")]


def test_a_closed_gate_changes_nothing(fixture: ReleaseFixture, publish: Publish) -> None:
    digest = publish("v1")
    fixture.closed = {"tests": "2 checks failed"}
    before = fixture.simulator.snapshot()
    with pytest.raises(GateClosedError, match="2 checks failed"):
        promote(fixture.context(), fixture.source(digest), "dev", image=IMAGE)
    assert fixture.simulator.snapshot() == before
    assert fixture.context().chain().records == ()


def test_the_same_again_changes_nothing(fixture: ReleaseFixture, publish: Publish) -> None:
    source = fixture.source(publish("v1"))
    promote(fixture.context(), source, "dev", image=IMAGE)
    before = fixture.simulator.snapshot()
    again = promote(fixture.context(), source, "dev", image=IMAGE)
    assert again.signed is None
    assert fixture.simulator.snapshot() == before
    assert len(fixture.context().chain().records) == 1


def test_blobs_are_mounted_and_not_sent(fixture: ReleaseFixture, publish: Publish) -> None:
    source = fixture.source(publish("v1"))
    received = fixture.simulator.received
    assert promote(fixture.context(), source, "dev", image=IMAGE).sent_bytes == 0
    assert fixture.simulator.received - received < 2000  # the manifest and the claim of the lock


@pytest.mark.parametrize(
    "version", ["imagekit-claim-x", "Imagekit-Claim-x", "sha256-" + "a" * 64 + ".sig", "imagekit-x"]
)
def test_a_version_that_is_called_as_reserved_names_is_refused(
    fixture: ReleaseFixture, tmp_path: Path, version: str
) -> None:
    """D44: an image whose version label is the name of a claim was deleted as one after it had been promoted."""
    image = write_image(tmp_path / "oci", labels={VERSION_LABEL: version})
    with fixture.registry(fixture.simulator.address) as client:
        push_image(image.layout, image.digest, fixture.source(image.digest), client)
    before = fixture.simulator.snapshot()
    with pytest.raises(ConfigError, match="use themselves"):
        promote(fixture.context(), fixture.source(image.digest), "dev", image=IMAGE)
    assert fixture.simulator.snapshot() == before


def test_only_what_is_vouched_for_is_copied(fixture: ReleaseFixture, publish: Publish) -> None:
    """D14: a stranger's image and bundles came into prod's repository with the rights of whoever promotes."""
    digest, other = publish("v1"), publish("v2")
    repository = f"imagekit/{IMAGE}"
    with fixture.registry(fixture.simulator.address) as client:
        subject, used = client.manifest(repository, digest).descriptor, client.manifest(repository, other)
        attached = {}
        for name, by in (("ours", fixed_key()), ("theirs", key("stranger"))):
            bundle = NativeSigner(by).sign(signature_statement(digest))
            made = attach_bundle(client, repository, subject, bundle, predicate_type=SIGNATURE_TYPE)[0]
            attached[name] = str(made.digest)
        hung = image_manifest(config=used.blobs[0], layers=used.blobs[1:], artifact_type="a/b", subject=subject)
        attach(client, repository, subject, hung)
        listed = (*list_referrers(client, repository, digest), used.descriptor)
        client.put_manifest(repository, image_index(listed), fallback_tag(digest))
    promote(fixture.context(), fixture.source(digest), "prod", image=IMAGE)
    there = fixture.simulator.manifests["imagekit/prod/node"]
    assert {str(digest), attached["ours"]} <= there.keys()
    assert not {str(other), str(hung.digest), attached["theirs"]} & there.keys()
    with fixture.registry(fixture.simulator.address) as client:
        entries = list_referrers(client, "imagekit/prod/node", digest)
    assert [str(entry.digest) for entry in entries] == [attached["ours"]]


def test_a_tag_is_resolved_once(fixture: ReleaseFixture, publish: Publish) -> None:
    good, bad = publish("v1"), publish("v2")
    tags = fixture.simulator.tags["imagekit/node"]

    def move() -> None:
        tags["v1"] = str(bad)

    source = Reference(fixture.simulator.address, "imagekit/node", "v1")
    fixture.simulator.fail("HEAD /v2/imagekit/dev/node/blobs/.*", act=move)
    promote(fixture.context(), source, "dev", image=IMAGE)
    assert tags["v1"] == str(bad), "the tag was moved while the copy ran"
    assert fixture.tagged("dev") == {"v1": str(good)}
    assert fixture.simulator.requests.count("GET /v2/imagekit/node/manifests/v1") == 1


def test_a_taken_version_tag_is_not_moved(fixture: ReleaseFixture, publish: Publish) -> None:
    first, second = publish("v1"), publish("v2")
    promote(fixture.context(), fixture.source(first), "dev", image=IMAGE)
    fixture.simulator.tags["imagekit/dev/node"]["v2"] = str(first)
    with pytest.raises(TagExistsError, match="already names") as caught:
        promote(fixture.context(), fixture.source(second), "dev", image=IMAGE)
    assert "never move" in caught.value.hint
    assert fixture.context().channel("dev").images[IMAGE].digest == str(first)


def test_altered_content_at_the_new_place_is_seen_before_the_tag(fixture: ReleaseFixture, publish: Publish) -> None:
    digest = publish("v1")
    blobs = fixture.simulator.blobs["imagekit/node"]
    layer = next(name for name, data in blobs.items() if data.startswith(b"v1"))
    blobs[layer] = b"v1" * 499 + b"xx"
    with pytest.raises(VerificationError, match="does not hold"):
        promote(fixture.context(), fixture.source(digest), "dev", image=IMAGE)
    assert fixture.tagged("dev") == {}
    assert fixture.context().chain().records == ()


def test_what_a_rollback_left_comes_back_only_when_released(fixture: ReleaseFixture, publish: Publish) -> None:
    first, second = publish("v1"), publish("v2")
    for digest in (first, second):
        promote(fixture.context(), fixture.source(digest), "prod", image=IMAGE)
    rollback(fixture.context(), "prod", image=IMAGE, reason="nodes lose their disks")
    with pytest.raises(MoveRefusedError, match="nodes lose their disks"):
        promote(fixture.context(), fixture.source(second), "prod", image=IMAGE)
    promote(
        fixture.context(), fixture.source(second), "prod", image=IMAGE, release=True, reason="firmware was to blame"
    )
    pointer = fixture.context().channel("prod").images[IMAGE]
    assert (pointer.version, pointer.blocked) == ("v2", ())


def test_a_broken_ledger_stops_every_decision(fixture: ReleaseFixture, publish: Publish) -> None:
    first, second = publish("v1"), publish("v2")
    promote(fixture.context(), fixture.source(first), "dev", image=IMAGE)
    path = fixture.root / "work" / "channels" / "dev.yaml"
    path.write_text(path.read_text().replace(first.hex, second.hex))
    git(fixture.root / "work", "commit", "-qam", "by hand")
    before = fixture.simulator.snapshot()
    with pytest.raises(LedgerError, match="names") as caught:
        promote(fixture.context(), fixture.source(second), "dev", image=IMAGE)
    assert "edited by hand" in caught.value.hint
    assert fixture.simulator.snapshot() == before


def test_unknown_channel_and_missing_digest_are_said(fixture: ReleaseFixture, publish: Publish) -> None:
    digest = publish("v1")
    with pytest.raises(ConfigError, match="no channel 'live'"):
        promote(fixture.context(), fixture.source(digest), "live", image=IMAGE)
    with pytest.raises(MissingObjectError, match="is not there"):
        promote(fixture.context(), Reference(fixture.simulator.address, "imagekit/node", "v9"), "dev", image=IMAGE)


def test_an_interrupted_promotion_is_completed_by_the_next(fixture: ReleaseFixture, publish: Publish) -> None:
    digest = publish("v1")
    asked = len(fixture.simulator.requests)
    promote(fixture.context(), fixture.source(digest), "prod", image=IMAGE)
    steps = len(fixture.simulator.requests) - asked
    assert steps > 10
    interrupted = 0
    for step in range(0, steps, 3):
        other = publish(f"v{step + 2}")
        fixture.simulator.fail(".*", status=403, times=1000, skip=step)
        with suppress(ImagekitError):  # none when only the withdrawal of the claim is left
            promote(fixture.context(), fixture.source(other), "dev", image=IMAGE)
        fixture.simulator.faults.clear()
        pointer = fixture.context().channel("dev").images.get(IMAGE)
        if pointer is None or pointer.digest != str(other):
            interrupted += 1
        else:
            assert fixture.tagged("dev")[pointer.version] == str(other), "a channel never points at what has no tag"
        done = promote(fixture.context(), fixture.source(other), "dev", image=IMAGE)
        assert done.pointer.digest == str(other)
        assert fixture.tagged("dev")[done.pointer.version] == str(other)
    assert interrupted > 5
