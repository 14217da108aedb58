"""Whatever a pusher puts under the names of claims: nothing of it is deleted, and nothing of it locks for ever.

D44 and D9 of the attack on the release side. A pusher may write any manifest under any tag and delete nothing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imagekit.oci.manifest import EMPTY, MEDIA_TYPE_EMPTY, Descriptor, Manifest, image_index, image_manifest
from imagekit.oci.reference import MEDIA_TYPE_MANIFEST, Digest, Reference
from imagekit.registry import lock
from imagekit.registry.blobs import BlobSource
from imagekit.registry.claim import CLAIM_TYPE, LIFETIME, claim_manifest, new_claim, new_name, parse_name, read_claim
from imagekit.registry.client import Registry
from imagekit.registry.errors import LockedError
from imagekit.registry.hostlock import owner_of
from imagekit.registry.lock import locked
from imagekit.registry.transfer import push_image
from tests.support.bounds import bounded
from tests.support.images import LayoutImage
from tests.support.registry import RegistrySimulator

pytestmark = pytest.mark.attack
NONE = Descriptor.of(EMPTY, MEDIA_TYPE_EMPTY)
STRANGER = "0123456789ab"


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def names(at: datetime) -> list[str]:
    """Names as claims have or had them, and some that only begin so."""
    return [
        "imagekit-claim-x",
        f"imagekit-claim-{STRANGER}-01234567",
        new_name(STRANGER, at),
        new_name(STRANGER, at - timedelta(days=3)),
        new_name(STRANGER, at + timedelta(days=30000)),
        "imagekit-claim-20269999T999999Z-0123456789ab-01234567",
    ]


def put(world: RegistrySimulator, tag: str, manifest: Manifest | bytes, kind: str = MEDIA_TYPE_MANIFEST) -> str:
    """A manifest under a tag, as if a pusher had put it there; returns its digest."""
    raw = manifest if isinstance(manifest, bytes) else manifest.raw
    digest = str(Digest.of(raw))
    world.blobs.setdefault("x", {})[str(NONE.digest)] = EMPTY
    world.manifests.setdefault("x", {})[digest] = (kind if isinstance(manifest, bytes) else manifest.media_type, raw)
    world.tags.setdefault("x", {})[tag] = digest
    return digest


def old_claim(tag: str, created: str) -> Manifest:
    """A claim as the version before wrote it."""
    owner = tag.removeprefix("imagekit-claim-").rpartition("-")[0]
    return claim_manifest(
        {"imagekit.owner": owner, "imagekit.created": created, "imagekit.host": "elsewhere", "tag": tag}
    )


@contextmanager
def taken(client: Registry, folder: Path) -> Iterator[None]:
    """The lock is had at once, twice (the second time sweeps what the first left)."""
    for _ in range(2):
        with locked(client, "x", folder, seconds=0.5):
            pass
    yield


def test_an_image_in_use_under_the_name_of_a_claim_is_not_deleted(
    world: RegistrySimulator, client: Registry, image: LayoutImage, tmp_path: Path
) -> None:
    """D44: one PUT by a pusher made the next promote or yank delete what prod runs."""
    push_image(image.layout, image.digest, Reference(client.address, "x"), client)
    client.put_manifest("x", client.manifest("x", image.digest), "v1")
    own = owner_of(tmp_path) if (tmp_path / "owner").exists() else ""
    for tag in [*names(now()), *([new_name(own, now())] if own else [])]:
        client.put_manifest("x", client.manifest("x", image.digest), tag)
    with taken(client, tmp_path):
        for tag in (new_name(owner_of(tmp_path), now()), new_name(owner_of(tmp_path), now() - 2 * LIFETIME)):
            client.put_manifest("x", client.manifest("x", image.digest), tag)
        with taken(client, tmp_path):
            assert client.find_manifest("x", image.digest) is not None
            assert world.tags["x"]["v1"] == str(image.digest)


def not_claims(tag: str, at: datetime) -> dict[str, Manifest | bytes]:
    """What looks like a claim and is none, by what is wrong."""
    good = new_claim(tag, owner=STRANGER, host="elsewhere", now=at)
    layer = Descriptor.of(b"content", "application/octet-stream")
    said = dict(good.annotations)
    with_layer = image_manifest(config=NONE, layers=(layer,), artifact_type=CLAIM_TYPE, annotations=said)
    with_config = image_manifest(config=layer, layers=(NONE,), artifact_type=CLAIM_TYPE, annotations=said)
    with_subject = image_manifest(
        config=NONE, layers=(NONE,), artifact_type=CLAIM_TYPE, annotations=said, subject=with_layer.descriptor
    )
    fields = json.loads(good.raw)
    return {
        "content": with_layer,
        "configuration": with_config,
        "subject": with_subject,
        "an index": image_index((with_layer.descriptor,)),
        "another type": image_manifest(config=NONE, layers=(NONE,), artifact_type="a/b", annotations=said),
        "one more annotation": claim_manifest({**said, "more": "x"}),
        "another tag": new_claim(new_name(STRANGER, at), owner=STRANGER, host="elsewhere", now=at),
        "escape codes": claim_manifest({**said, "imagekit.host": "\x1b[2J"}),
        "another owner": claim_manifest({**said, "imagekit.owner": "fedcba987654"}),
        "other spaces": json.dumps(fields).encode(),
        "a field twice": good.raw.replace(b'"layers":', b'"layers":[],"layers":'),
        "no manifest": b"[]",
        "schema 1": b'{"schemaVersion": 1, "fsLayers": []}',
        "a megabyte": claim_manifest({**said, "imagekit.host": "x" * 1_000_000}),
    }


@pytest.mark.parametrize("what", not_claims("imagekit-claim-x", now()))
@pytest.mark.parametrize("age", [timedelta(0), timedelta(hours=3), timedelta(days=-30000)], ids=["now", "old", "ahead"])
def test_what_is_no_claim_is_neither_deleted_nor_waited_for(
    world: RegistrySimulator, client: Registry, tmp_path: Path, what: str, age: timedelta
) -> None:
    """D44, variants: whatever differs from a claim by one thing."""
    for tag in (new_name(STRANGER, now() - age), f"imagekit-claim-{STRANGER}-01234567"):
        digest = put(world, tag, not_claims(tag, now() - age)[what])
        with taken(client, tmp_path):
            assert world.tags["x"][tag] == digest
            assert digest in world.manifests["x"]


@pytest.mark.parametrize("created", ["2099-01-01T00:00:00+00:00", "9999-12-31T23:59:59-14:00", "yesterday", ""])
def test_a_claim_of_another_age_does_not_lock(
    world: RegistrySimulator, client: Registry, tmp_path: Path, created: str
) -> None:
    """D9: a claim dated 2099 locked the repository for ever."""
    tag = f"imagekit-claim-{STRANGER}-01234567"
    put(world, tag, old_claim(tag, created))
    with taken(client, tmp_path):
        pass


@pytest.mark.parametrize("ahead", [-86400 * 365, 0, 86400 * 365])
def test_a_claim_locks_for_an_hour_of_the_registry_s_clock_at_most(
    world: RegistrySimulator, client: Registry, tmp_path: Path, ahead: int
) -> None:
    """D9, variant: a stranger's claim as late as it is believed; the clock of this host plays no part."""
    world.ahead = ahead
    tag = new_name(STRANGER, now() + timedelta(seconds=ahead) + timedelta(minutes=4))
    made = parse_name(tag)
    assert made is not None
    assert made.created is not None
    put(world, tag, new_claim(tag, owner=STRANGER, host="elsewhere", now=made.created))
    with pytest.raises(LockedError, match=f"host elsewhere since .*{tag}"), locked(client, "x", tmp_path, seconds=0.3):
        pass
    world.ahead += 66 * 60
    with taken(client, tmp_path):
        assert tag not in world.tags["x"], "it is a claim, and over"


def test_two_hosts_whose_clocks_differ_see_each_other(
    world: RegistrySimulator, client: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D9, variant: the second host's clock is three hours ahead, which made the first one's claim look dead."""
    with locked(client, "x", tmp_path / "here") as held:

        class Later(datetime):
            @classmethod
            def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # only UTC is asked for
                return datetime.now(UTC) + timedelta(hours=3)

        for module in (lock, "imagekit.registry.client", "imagekit.registry.claim"):
            monkeypatch.setattr(f"{module if isinstance(module, str) else module.__name__}.datetime", Later)
        with pytest.raises(LockedError), locked(client, "x", tmp_path / "there", seconds=0.5):
            pass
        held.require_still_mine()


def test_a_claim_of_the_version_before_is_honoured(world: RegistrySimulator, client: Registry, tmp_path: Path) -> None:
    tag = f"imagekit-claim-{STRANGER}-01234567"
    put(world, tag, old_claim(tag, now().isoformat()))
    with pytest.raises(LockedError, match="host elsewhere"), locked(client, "x", tmp_path, seconds=0.5):
        pass


def test_a_registry_without_a_clock_is_used_by_the_clock_of_this_host(
    world: RegistrySimulator, client: Registry, tmp_path: Path
) -> None:
    world.dated, world.ahead = False, 86400
    with locked(client, "x", tmp_path / "here") as held:
        found = parse_name(held.tag)
        assert found is not None
        assert found.created is not None
        assert abs(found.created - now()) < timedelta(minutes=1)


def test_thousands_of_names_cost_one_look_each(world: RegistrySimulator, client: Registry, tmp_path: Path) -> None:
    """D9, variant: 1,500 fresh names of no claim, 5,000 without a time, 20,000 old ones and as many to come."""
    junk = image_manifest(config=NONE, layers=(NONE,), artifact_type="a/b")
    digest = put(world, "junk", junk)
    fresh = [new_name(STRANGER, now()) for _ in range(1500)]
    undated = [f"imagekit-claim-{STRANGER}-{number:08x}" for number in range(5000)]
    others = [f"imagekit-claim-{year}0101T000000Z-{STRANGER}-{n:08x}" for year in (2020, 2099) for n in range(20_000)]
    world.tags["x"].update(dict.fromkeys([*fresh, *undated, *others, "imagekit-claim-x"], digest))
    world.requests.clear()
    with bounded(seconds=30), locked(client, "x", tmp_path, seconds=5):
        pass
    assert len(world.requests) < 1500 + 200 + 100
    assert digest in world.manifests["x"]


def test_a_flood_of_claims_closes_until_its_hour_is_over(
    world: RegistrySimulator, client: Registry, tmp_path: Path
) -> None:
    digest = put(world, "junk", image_manifest(config=NONE, layers=(NONE,), artifact_type="a/b"))
    world.tags["x"].update({new_name(STRANGER, now()): digest for _ in range(lock._DATED + 1)})
    with pytest.raises(LockedError, match="2001 names of claims"), locked(client, "x", tmp_path, seconds=0.5):
        pass
    world.ahead = 3700
    with taken(client, tmp_path):
        pass


def test_a_name_that_is_listed_before_its_claim_is_there_is_looked_at_again(
    world: RegistrySimulator, client: Registry, tmp_path: Path
) -> None:
    """A tag of nothing may be a claim that is just being written: it is never put aside."""
    host = lock._Host(client, "x", owner_of_new(tmp_path))
    tag = new_name(STRANGER, now())
    world.tags["x"] = {tag: "sha256:" + "0" * 64}
    held = host._write()
    assert host._blockers(held) == []
    put(world, tag, new_claim(tag, owner=STRANGER, host="elsewhere", now=parse_name(tag).created))  # type: ignore[union-attr,arg-type]
    assert len(host._blockers(held)) == 1


def owner_of_new(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    return owner_of(folder)


def test_a_holder_lets_go_before_others_think_it_dead(
    client: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LIFETIME.total_seconds() > lock._HELD
    monkeypatch.setattr(lock, "_HELD", -1.0)
    with (
        locked(client, "x", tmp_path) as held,
        pytest.raises(LockedError, match="is older than") as caught,
    ):
        held.require_still_mine()
    assert "nothing was tagged" in caught.value.hint


def test_an_account_that_may_not_delete_leaves_no_claim_that_counts(
    world: RegistrySimulator, client: Registry, tmp_path: Path
) -> None:
    world.fail("DELETE", status=403, times=99)
    for folder in ("here", "there", "here"):
        with locked(client, "x", tmp_path / folder, seconds=0.5):
            pass


def test_a_lock_folder_that_was_copied_is_another_host(tmp_path: Path) -> None:
    """A CI cache brings the folder to many runners; the claims of one are not dead for the other."""
    first = owner_of_new(tmp_path / "here")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    assert owner_of(tmp_path / "here") == first != owner_of(tmp_path / "there")


def test_every_claim_reads_back_and_only_under_its_own_name() -> None:
    at = now()
    tag = new_name(STRANGER, at)
    name = parse_name(tag)
    assert name is not None
    made = new_claim(tag, owner=STRANGER, host="Ünïcode host\n", now=at)
    claim = read_claim(name, made)
    assert claim is not None
    assert (claim.owner, claim.host, claim.created) == (STRANGER, "-n-code-host-", at)
    other = parse_name(new_name(STRANGER, at))
    assert other is not None
    assert read_claim(other, made) is None


def test_never_two_winners_while_a_stranger_writes_names(world: RegistrySimulator, tmp_path: Path) -> None:
    """Three hosts at once; a stranger puts an image under old and new names of claims all the while."""
    inside, most, done = [0], [0], []
    junk = image_manifest(config=NONE, layers=(NONE,), artifact_type="a/b")

    def publish(host: int) -> None:
        with world.client() as client:
            for _ in range(3):
                with locked(client, "x", tmp_path / str(host), seconds=60):
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    client.ping()
                    inside[0] -= 1
        done.append(host)

    def disturb() -> None:
        with world.client() as client:
            client.put_blob("x", BlobSource.of_bytes(EMPTY))
            for age in range(200):
                if len(done) == 3:
                    return
                client.put_manifest("x", junk, new_name(STRANGER, now() - timedelta(minutes=age)))

    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(disturb), *(pool.submit(publish, host) for host in range(3))]:
            each.result()
    assert most == [1]
    assert str(junk.digest) in world.manifests["x"]
