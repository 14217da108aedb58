"""Retention removes what is proven ours and proven unneeded, whatever pushers put into lists and under tags.

D6, D7, D26 and D36 of the attack on the release side.
"""

from __future__ import annotations

import json

import pytest

from imagekit.base.errors import ConfigError
from imagekit.oci.manifest import EMPTY, MEDIA_TYPE_EMPTY, Descriptor, Manifest, image_index, image_manifest
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.errors import LockedError, TagExistsError
from imagekit.registry.referrers import attach, attach_bundle, bundle_manifest, fallback_tag
from imagekit.registry.tag import give_tag, is_tombstone
from imagekit.release.channel.errors import MoveRefusedError
from imagekit.release.channel.promote import promote
from imagekit.release.channel.retention import Fate
from imagekit.release.channel.retire import retire
from imagekit.release.channel.rollback import rollback
from imagekit.release.channel.table import versions
from imagekit.release.channel.yank import yank
from imagekit.release.ledger.record import Action
from imagekit.trust.evidence.statement import SIGNATURE_TYPE, signature_statement
from imagekit.trust.sign.native import NativeSigner
from tests.support.images import fixed_key, key
from tests.support.project import git
from tests.support.releasefixture import IMAGE, ReleaseFixture
from tests.unit.release.channel.conftest import Publish

pytestmark = pytest.mark.attack
REPOSITORY = f"imagekit/{IMAGE}"
EMPTY_BLOB = Descriptor.of(EMPTY, MEDIA_TYPE_EMPTY)


def home(fixture: ReleaseFixture) -> Reference:
    return Reference(fixture.simulator.address, REPOSITORY)


def apply(fixture: ReleaseFixture, *, last: int = 1) -> dict[str, Fate]:
    """Retention of the repository where versions are published; the fates by tag."""
    reported: list[Fate] = []
    retire(fixture.context(), IMAGE, [home(fixture)], last=last, tell=reported.append)
    return {str(fate.version.reference.tag): fate for fate in reported}


def signed(fixture: ReleaseFixture, digest: Digest, *, stranger: bool = False) -> Digest:
    """Attach a signature; returns the manifest that holds it."""
    with fixture.registry(fixture.simulator.address) as client:
        subject = client.manifest(REPOSITORY, digest).descriptor
        bundle = NativeSigner(key("stranger") if stranger else fixed_key()).sign(signature_statement(digest))
        return attach_bundle(client, REPOSITORY, subject, bundle, predicate_type=SIGNATURE_TYPE)[0].digest


def there(fixture: ReleaseFixture, digest: Digest) -> bool:
    return str(digest) in fixture.simulator.manifests[REPOSITORY]


def put(fixture: ReleaseFixture, manifest: Manifest, tag: str | None = None) -> Digest:
    """A manifest as a pusher puts it."""
    with fixture.registry(fixture.simulator.address) as client:
        client.put_manifest(REPOSITORY, manifest, tag)
    return manifest.digest


def manifest_of(fixture: ReleaseFixture, digest: Digest) -> Manifest:
    with fixture.registry(fixture.simulator.address) as client:
        return client.manifest(REPOSITORY, digest)


def test_a_digest_in_use_in_the_list_of_an_old_version_is_not_deleted(
    fixture: ReleaseFixture, publish: Publish
) -> None:
    """D6: what a channel and a node name was deleted, for a pusher had listed it as evidence of an old version."""
    old, used, newest = (publish(f"v{number}") for number in (1, 2, 3))
    promote(fixture.context(), fixture.source(used), "dev", image=IMAGE)
    evidence = signed(fixture, old)
    listed = manifest_of(fixture, evidence).descriptor
    put(fixture, image_index((listed, manifest_of(fixture, used).descriptor)), fallback_tag(old))
    fates = apply(fixture)
    assert not fates["v1"].keep
    assert not there(fixture, old)
    assert not there(fixture, evidence), "our own evidence about it is gone with it"
    assert there(fixture, used)
    assert there(fixture, newest)


def test_the_list_s_tag_on_a_digest_in_use_deletes_nothing(fixture: ReleaseFixture, publish: Publish) -> None:
    """D6: the tag of the list is moved onto a digest in use: an image, or an index of images that a node runs."""
    old, inner, newest = (publish(f"v{number}") for number in (1, 2, 3))
    fleet = image_index((manifest_of(fixture, inner).descriptor,))
    put(fixture, fleet, "multi")
    for onto in (newest, fleet.digest):
        put(fixture, manifest_of(fixture, onto), fallback_tag(old))
        write_fleet(fixture, fleet.digest)
        apply(fixture)
        assert there(fixture, onto), onto
        assert there(fixture, inner), "it is served by an index that a node runs"
        old = publish("v1")


def write_fleet(fixture: ReleaseFixture, digest: Digest) -> None:
    folder = fixture.root / "work" / "fleet"
    folder.mkdir(exist_ok=True)
    text = f'version: 1\nnodes:\n  node-1:\n    image: other\n    digest: "{digest}"\n'
    (folder / "site.yaml").write_text(text)
    git(fixture.root / "work", "add", "-A")
    git(fixture.root / "work", "commit", "-qm", "fleet", "--allow-empty")


def test_what_strangers_attached_is_left(fixture: ReleaseFixture, publish: Publish) -> None:
    """D6, variant: a stranger's bundle and a manifest of a used image's content, both with the right subject."""
    old, newest = publish("v1"), publish("v2")
    ours, theirs = signed(fixture, old), signed(fixture, old, stranger=True)
    subject = manifest_of(fixture, old).descriptor
    used = manifest_of(fixture, newest)
    wearing = image_manifest(config=used.blobs[0], layers=used.blobs[1:], artifact_type="a/b", subject=subject)
    with fixture.registry(fixture.simulator.address) as client:
        attach(client, REPOSITORY, subject, wearing)
    apply(fixture)
    assert (there(fixture, old), there(fixture, ours)) == (False, False)
    assert there(fixture, theirs)
    assert there(fixture, wearing.digest)


def test_a_bundle_of_ours_about_another_image_is_left(fixture: ReleaseFixture, publish: Publish) -> None:
    """D6, variant: evidence about a good version is hung at an old one."""
    old, newest = publish("v1"), publish("v2")
    bundle = NativeSigner(fixed_key()).sign(signature_statement(newest))
    with fixture.registry(fixture.simulator.address) as client:
        accepted = attach_bundle(
            client, REPOSITORY, manifest_of(fixture, newest).descriptor, bundle, predicate_type=SIGNATURE_TYPE
        )[0]
        wrong = bundle_manifest(manifest_of(fixture, old).descriptor, bundle, predicate_type=SIGNATURE_TYPE)
        attach(client, REPOSITORY, manifest_of(fixture, old).descriptor, wrong)
        listed = (wrong.descriptor, accepted.descriptor)
        client.put_manifest(REPOSITORY, image_index(listed), fallback_tag(old))
    apply(fixture)
    assert not there(fixture, old)
    assert there(fixture, accepted.digest)
    assert there(fixture, wrong.digest)


def test_an_emptied_list_makes_nothing_removable(fixture: ReleaseFixture, publish: Publish) -> None:
    """D36: the lists of three good versions are emptied; all three were deleted with --last 3."""
    digests = [publish(f"v{number}") for number in range(1, 6)]
    fixture.unsigned = set(digests[2:])
    fates = apply(fixture, last=3)
    assert all(there(fixture, digest) for digest in digests)
    assert "not known to be ours" in fates["v5"].why


def test_images_of_another_name_push_none_out(fixture: ReleaseFixture, publish: Publish) -> None:
    """D36 with D3, variant: a pusher copies newer images of another name, with their evidence, into the repository."""
    accepted, *others = (publish(f"v{number}") for number in range(1, 5))
    fixture.foreign = set(others)
    fates = apply(fixture, last=2)
    assert there(fixture, accepted)
    assert all(fate.keep for fate in fates.values())


def test_a_tag_that_cannot_be_read_stops_nothing_and_stays(fixture: ReleaseFixture, publish: Publish) -> None:
    """D36, variant: malformed manifests, an image without a date, a stranger's image and an index under tags."""
    old, newest = publish("v1"), publish("v2")
    repository = fixture.simulator.manifests[REPOSITORY]
    for tag, raw in (("bad", b"[]"), ("schema1", b'{"schemaVersion": 1}'), ("huge", b" " * (5 << 20))):
        repository[str(Digest.of(raw))] = ("application/vnd.oci.image.manifest.v1+json", raw)
        fixture.simulator.tags[REPOSITORY][tag] = str(Digest.of(raw))
    put(fixture, image_index((manifest_of(fixture, newest).descriptor,)), "index")
    fixture.simulator.blobs[REPOSITORY][str(EMPTY_BLOB.digest)] = EMPTY
    put(fixture, image_manifest(config=EMPTY_BLOB, layers=(EMPTY_BLOB,), artifact_type="a/b"), "undated")
    fates = apply(fixture)
    assert {tag for tag, fate in fates.items() if not fate.keep} == {"v1"}
    assert {"bad", "schema1", "huge", "index", "undated"} <= fixture.simulator.tags[REPOSITORY].keys()
    assert not there(fixture, old)


def test_what_a_rollback_went_back_to_after_the_plan_stays(fixture: ReleaseFixture, publish: Publish) -> None:
    """D7: the plan was made before the lock and carried out after a rollback; prod pointed at nothing."""
    old, new = publish("v1"), publish("v2")
    promote(fixture.context(), fixture.source(old), "prod", image=IMAGE)
    promote(fixture.context(), fixture.source(new), "prod", image=IMAGE)
    prod = fixture.context().home("prod", IMAGE)
    before = versions(fixture.context(), [prod])
    assert len(before) == 2
    rollback(fixture.context(), "prod", image=IMAGE, reason="nodes lose their disks")
    retire(fixture.context(), IMAGE, [prod], last=1)
    pointed = fixture.context().channel("prod").images[IMAGE].digest
    assert pointed == str(old)
    assert pointed in fixture.simulator.manifests[prod.repository]


def test_a_node_that_is_pinned_at_the_last_moment_keeps_its_image(fixture: ReleaseFixture, publish: Publish) -> None:
    """D7, variant: the fleet file changes while the first of two versions is being removed."""
    first, second, newest = (publish(f"v{number}") for number in (1, 2, 3))

    def pin() -> None:
        folder = fixture.root / "work" / "fleet"
        folder.mkdir(exist_ok=True)
        text = f'version: 1\nnodes:\n  node-1:\n    image: other\n    digest: "{first}"\n'
        (folder / "site.yaml").write_text(text)

    fixture.simulator.fail(f"DELETE .*{second}", act=pin)
    fates = apply(fixture)
    assert (there(fixture, first), there(fixture, second), there(fixture, newest)) == (True, False, True)
    assert fates["v1"].why == "run by node-1"


def test_where_a_rollback_would_go_stays(fixture: ReleaseFixture, publish: Publish) -> None:
    """D7, variant: the version before is not pointed at, and the next rollback needs it."""
    old, new = publish("v1"), publish("v2")
    for digest in (old, new):
        promote(fixture.context(), fixture.source(digest), "prod", image=IMAGE)
    prod = fixture.context().home("prod", IMAGE)
    retire(fixture.context(), IMAGE, [prod, home(fixture)], last=1)
    assert rollback(fixture.context(), "prod", image=IMAGE, reason="bad").pointer.digest == str(old)


def test_an_unreadable_fleet_file_removes_nothing(fixture: ReleaseFixture, publish: Publish) -> None:
    """D7, variant: where it is not known what nodes run, nothing is known to be unneeded."""
    digests = [publish("v1"), publish("v2")]
    folder = fixture.root / "work" / "fleet"
    folder.mkdir()
    (folder / "site.yaml").write_text("version: 1\nnodes: [\n")
    with pytest.raises(ConfigError):
        apply(fixture)
    assert all(there(fixture, digest) for digest in digests)


def test_a_lost_lock_removes_nothing(fixture: ReleaseFixture, publish: Publish) -> None:
    old, _ = publish("v1"), publish("v2")

    def take_away() -> None:
        tags = fixture.simulator.tags[REPOSITORY]
        for tag in [tag for tag in tags if tag.startswith("imagekit-claim-")]:
            del tags[tag]

    fixture.simulator.fail(f"GET .*/manifests/{fallback_tag(old)}", act=take_away)
    with pytest.raises(LockedError):
        apply(fixture)
    assert there(fixture, old)


def test_a_removed_version_is_not_given_again_with_another_digest(fixture: ReleaseFixture, publish: Publish) -> None:
    """D26: neither by publish, which asks the registry, nor by promote, which asks the ledger too."""
    old, newest = publish("v1"), publish("v2")
    apply(fixture)
    assert not there(fixture, old)
    with fixture.registry(fixture.simulator.address) as client:
        assert is_tombstone(client.manifest(REPOSITORY, "v1"), "v1")
        with pytest.raises(TagExistsError, match="which was removed"):
            give_tag(Reference(client.address, REPOSITORY, "v1", newest), client)
    again = publish_other(fixture, publish, "v1")
    with pytest.raises(MoveRefusedError, match=r"v1 .* record 1"):
        promote(fixture.context(), fixture.source(again), "dev", image=IMAGE)


def publish_other(fixture: ReleaseFixture, publish: Publish, version: str) -> Digest:
    """Another image that says it is this version, by digest."""
    digest = publish(version)
    with fixture.registry(fixture.simulator.address) as client:
        image = client.manifest(REPOSITORY, digest)
        fields = json.loads(image.raw)
        fields["annotations"] = {"built": "again"}
        raw = json.dumps(fields).encode()
        fixture.simulator.manifests[REPOSITORY][str(Digest.of(raw))] = (image.media_type, raw)
        return Digest.of(raw)


def test_a_removed_version_may_come_back_as_it_was(fixture: ReleaseFixture, publish: Publish) -> None:
    """D26, variant: the same digest under its own name is the same version."""
    old = publish("v1")
    image = manifest_of(fixture, old)
    publish("v2")
    apply(fixture)
    put(fixture, image)
    with fixture.registry(fixture.simulator.address) as client:
        give_tag(Reference(client.address, REPOSITORY, "v1", old), client)
        assert client.resolve(Reference(client.address, REPOSITORY, "v1")) == old
    promote(fixture.context(), fixture.source(old), "dev", image=IMAGE)


def test_a_removal_that_was_interrupted_before_its_tombstone_gets_one(
    fixture: ReleaseFixture, publish: Publish
) -> None:
    """D26, variant: killed between the deletion and the tombstone."""
    publish("v1")
    publish("v2")
    apply(fixture)
    del fixture.simulator.tags[REPOSITORY]["v1"]
    apply(fixture)
    with fixture.registry(fixture.simulator.address) as client:
        assert is_tombstone(client.manifest(REPOSITORY, "v1"), "v1")


def test_a_stranger_s_tombstone_hides_nothing(fixture: ReleaseFixture, publish: Publish) -> None:
    """D26, variant: what only looks like a tombstone is a tag like any other, and never gives way."""
    newest = publish("v2")
    with fixture.registry(fixture.simulator.address) as client:
        client.put_manifest(REPOSITORY, tombstone_like(client, newest), "v1")
        with pytest.raises(TagExistsError, match="already names"):
            give_tag(Reference(client.address, REPOSITORY, "v1", newest), client)


def tombstone_like(client: Registry, digest: Digest) -> Manifest:
    image = client.manifest(REPOSITORY, digest)
    return image_manifest(
        config=image.blobs[0],
        layers=image.blobs[1:],
        artifact_type="application/vnd.imagekit.removed.v1",
        annotations={"imagekit.removed": str(digest), "tag": "v1"},
    )


def test_a_withdrawn_version_is_removed_and_its_denial_stays_in_git(fixture: ReleaseFixture, publish: Publish) -> None:
    bad, _ = publish("v1"), publish("v2")
    yank(fixture.context(), fixture.source(bad), image=IMAGE, reason="leaks", homes=[])
    apply(fixture, last=5)
    assert not there(fixture, bad)
    actions = [record.action for record in fixture.context().chain().records]
    assert actions == [Action.YANK, Action.RETIRE]
    assert (fixture.root / "work" / "yanks" / f"{bad.hex}.json").exists()


def test_an_image_that_a_kept_index_serves_stays(fixture: ReleaseFixture, publish: Publish) -> None:
    """Nobody signed the index, so it was kept and named; its images had tags of their own, and went."""
    old, newest = publish("v1"), publish("v2")
    with fixture.registry(fixture.simulator.address) as client:
        entries = tuple(client.manifest(REPOSITORY, each).descriptor for each in (old, newest))
        index = image_index(entries)
        fixture.unsigned.add(index.digest)
        client.put_manifest(REPOSITORY, index, "all")
    fates = apply(fixture)
    assert there(fixture, old)
    assert fates["v1"].why == "part of an index that is kept"


@pytest.mark.parametrize("name", ["site.yml", "europe/site.yaml", "SITE.YAML"])
def test_a_fleet_file_that_nobody_reads_removes_nothing(fixture: ReleaseFixture, publish: Publish, name: str) -> None:
    """Only `fleet/*.yaml` was read, and a node that another file pinned lost its image without a word."""
    digests = [publish("v1"), publish("v2")]
    path = fixture.root / "work" / "fleet" / name
    path.parent.mkdir(parents=True)
    path.write_text(f'version: 1\nnodes:\n  node-1:\n    image: node\n    digest: "{digests[0]}"\n')
    with pytest.raises(ConfigError, match="is not read"):
        apply(fixture)
    assert all(there(fixture, digest) for digest in digests)
