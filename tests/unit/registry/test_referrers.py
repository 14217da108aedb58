"""Evidence is found again at every registry, whatever it answers when asked for a list of referrers (W13, W14)."""

from __future__ import annotations

import json

import pytest

from imagekit.oci.errors import MalformedError
from imagekit.oci.manifest import EMPTY, MEDIA_TYPE_EMPTY, Descriptor, Manifest, image_index, image_manifest
from imagekit.oci.reference import BUNDLE_TYPE, MEDIA_TYPE_INDEX, Digest
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.errors import AccessDeniedError, RegistryError, RegistryUnavailableError, VerificationError
from imagekit.registry.listing import next_page
from imagekit.registry.referrers import attach, bundle_manifest, fallback_tag, list_referrers
from tests.support.registry import RegistrySimulator, Reply, serving, simulated_registry

pytestmark = pytest.mark.attack
JSON = {"Content-Type": "application/json"}
INDEX = {"Content-Type": MEDIA_TYPE_INDEX}
HTML = {"Content-Type": "text/html; charset=utf-8"}
NOTHING = image_index(()).raw

# What registries were seen to answer. Artifactory: go-containerregistry#1962 (406); GHCR: artifacthub/hub#4785 (303);
# a false 200: sigstore-js#1187. The rest are variants of our own.
MANNERS: dict[str, Reply] = {
    "404": (404, JSON, b'{"errors":[{"code":"NOT_FOUND"}]}'),
    "404 with a web page": (404, HTML, b"<html>no such page</html>"),
    "400": (400, JSON, b'{"errors":[{"code":"UNSUPPORTED"}]}'),
    "405": (405, {}, b""),
    "406": (406, {}, b""),
    "410": (410, {}, b""),
    "501": (501, {}, b""),
    "303 to another site": (303, {"Location": "https://github.example/-/v2/packages/x?token=secret"}, b""),
    "302 to a login page in clear": (302, {"Location": "http://login.example/"}, b""),
    "307 to nowhere": (307, {"Location": "https://[::1/"}, b""),
    "200 with a web page": (200, HTML, b"<!DOCTYPE html><html></html>"),
    "200 without a body": (200, {}, b""),
    "200 with other JSON": (200, JSON, b'{"referrers": []}'),
    "200 with errors": (200, JSON, b'{"errors":[{"code":"UNSUPPORTED"}]}'),
    "200 with an image": (200, JSON, b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}'),
    "200 with a list in JSON": (200, JSON, b"[]"),
    "an empty index for ever": (200, INDEX, NOTHING),
    "an index of nothing at all": (200, INDEX, b'{"schemaVersion":2,"manifests":null}'),
}


def image_of(client: Registry) -> Manifest:
    client.put_blob("x", BlobSource.of_bytes(EMPTY))
    made = image_manifest(config=Descriptor.of(EMPTY, MEDIA_TYPE_EMPTY), layers=(), artifact_type="a/image")
    client.put_manifest("x", made)
    return made


def evidence(client: Registry, image: Manifest, data: bytes) -> Manifest:
    client.put_blob("x", BlobSource.of_bytes(data))
    return bundle_manifest(image.descriptor, data, predicate_type=f"https://example.com/{data.decode()}")


def attached(client: Registry, *names: bytes) -> tuple[Manifest, list[Manifest]]:
    image = image_of(client)
    made = [evidence(client, image, name) for name in names]
    for each in made:
        attach(client, "x", image.descriptor, each)
    return image, made


@pytest.mark.parametrize("claimed", [False, True], ids=["silent", "claims OCI-Subject"])
@pytest.mark.parametrize("reply", MANNERS.values(), ids=MANNERS)
def test_evidence_is_listed_whatever_the_registry_answers(reply: Reply, claimed: bool) -> None:
    """W13: the fallback tag is written wherever the answer is not an index with the new entry."""
    with simulated_registry(referrers_manner=lambda *_: reply, subject_claimed=claimed) as world:
        with world.client() as client:
            image, made = attached(client, b"one", b"two", b"three")
        with world.client() as reader:
            assert {each.digest for each in list_referrers(reader, "x", image.digest)} == {m.digest for m in made}
        assert world.tags["x"].keys() == {fallback_tag(image.digest)}


def test_a_list_that_lags_does_not_lose_an_entry() -> None:
    """Variant: the registry's own list is one entry behind, and has it later: the entry is there once."""
    behind: list[bytes] = [NOTHING]

    def late(_: str, listed: bytes) -> Reply:
        behind.append(listed)
        return 200, INDEX, behind[-2]

    with simulated_registry(referrers_manner=late) as world, world.client() as client:
        image, made = attached(client, b"one", b"two")
        assert [each.digest for each in list_referrers(client, "x", image.digest)] == [m.digest for m in made]


def test_a_working_list_needs_no_tag() -> None:
    with simulated_registry(referrers_api=True) as world, world.client() as client:
        image, made = attached(client, b"one", b"two")
        assert {each.digest for each in list_referrers(client, "x", image.digest)} == {m.digest for m in made}
        assert not world.tags.get("x")


def test_what_was_kept_by_tag_is_read_after_the_registry_learnt_to_list() -> None:
    """Variant: evidence of before an upgrade of the registry, a denial too, stays in sight."""
    with simulated_registry() as world:
        with world.client() as client:
            image, [old] = attached(client, b"old")
        index = image_index(()).raw
        world.referrers_manner = lambda *_: (200, INDEX, index)
        with world.client() as client:
            assert [each.digest for each in list_referrers(client, "x", image.digest)] == [old.digest]


def test_a_repository_that_did_not_exist_is_not_one_without_a_list() -> None:
    """Variant: 404 for an unknown repository, as distribution-spec registries say it, is forgotten after a write."""
    with simulated_registry(referrers_api=True) as world, world.client() as client:
        listed = world.referrers_manner
        world.referrers_manner = lambda *_: MANNERS["404"]
        assert list_referrers(client, "x", Digest.of(b"image")) == ()
        world.referrers_manner = listed
        attached(client, b"one")
        assert not world.tags.get("x")


@pytest.mark.parametrize("reply", [MANNERS["404"], (200, INDEX, b"{}\n")], ids=["Quay", "Harbor"])
def test_a_digest_that_is_not_there_does_not_hide_what_is_said_of_others(reply: Reply) -> None:
    """Variant: a reader who first asks for an absent digest still sees the evidence, and the denial, of the next."""
    with simulated_registry(referrers_api=True) as world:
        with world.client() as client:
            image, [made] = attached(client, b"denial")
        absent = Digest.of(b"absent")
        full = {"Content-Type": MEDIA_TYPE_INDEX}
        world.referrers_manner = lambda name, listed: reply if name == str(absent) else (200, full, listed)
        with world.client() as reader:
            assert list_referrers(reader, "x", absent) == ()
            assert [each.digest for each in list_referrers(reader, "x", image.digest)] == [made.digest]


@pytest.mark.parametrize("api", [True, False])
def test_entries_of_the_fallback_list_are_those_of_the_api(api: bool) -> None:
    """W14: artifactType and annotations of the manifest, as the API lists them."""
    with simulated_registry(referrers_api=api) as world, world.client() as client:
        image, made = attached(client, b"one")
        [entry] = list_referrers(client, "x", image.digest)
        assert entry == made[0].listed
        assert entry.artifact_type == BUNDLE_TYPE
        assert entry.annotations["dev.sigstore.bundle.predicateType"] == "https://example.com/one"
        if not api:
            stored = json.loads(world.manifests["x"][world.tags["x"][fallback_tag(image.digest)]][1])
            assert stored["manifests"][0]["annotations"] == dict(made[0].annotations)
            assert stored["mediaType"] == MEDIA_TYPE_INDEX


def test_an_image_without_artifact_type_is_listed_by_its_configuration() -> None:
    config = Descriptor(media_type="application/vnd.example.config", digest=Digest.of(EMPTY), size=2)
    assert image_manifest(config=config, layers=(), artifact_type="").listed.artifact_type == config.media_type


@pytest.mark.parametrize("reply", [(401, {"WWW-Authenticate": "Basic"}, b""), (403, JSON, b"{}")])
def test_a_list_that_is_kept_from_us_is_not_an_absent_one(reply: Reply) -> None:
    """A denial might stand in it: who may not see it must not take it for empty."""
    with simulated_registry(referrers_manner=lambda *_: reply) as world, world.client() as client:
        image = image_of(client)
        with pytest.raises(AccessDeniedError):
            list_referrers(client, "x", image.digest)


def test_a_registry_that_is_down_is_not_one_without_a_list() -> None:
    with simulated_registry(referrers_manner=lambda *_: (503, {}, b"")) as world, world.client() as client:
        image = image_of(client)
        with pytest.raises(RegistryUnavailableError):
            list_referrers(client, "x", image.digest)


@pytest.mark.parametrize(
    "body", [b'{"manifests": [{}]}', b'{"manifests": 3}', b"{", b'{"manifests": [], "manifests": []}']
)
def test_an_index_that_cannot_be_read_is_not_an_empty_one(body: bytes) -> None:
    with simulated_registry(referrers_manner=lambda *_: (200, INDEX, body)) as world, world.client() as client:
        image = image_of(client)
        with pytest.raises(MalformedError):
            list_referrers(client, "x", image.digest)


@pytest.mark.parametrize("status", [400, 403, 409, 412])
def test_an_immutable_fallback_tag_is_named_with_the_manner(world: RegistrySimulator, status: int) -> None:
    """ECR and Harbor with a rule for all tags: the second statement is refused, and the message says by what."""
    with world.client() as client:
        image, _ = attached(client, b"one")
        world.fail(f"PUT .*/manifests/{fallback_tag(image.digest)}", times=99, status=status)
        with pytest.raises(
            RegistryError, match=rf"answers status 404, and it does not take the tag .*{status}"
        ) as said:
            attach(client, "x", image.descriptor, evidence(client, image, b"two"))
        assert "sha256-*" in said.value.hint


def test_a_lost_write_is_done_again(world: RegistrySimulator, client: Registry) -> None:
    image = image_of(client)
    world.fail("PUT .*/sha256-", status=201)
    attach(client, "x", image.descriptor, evidence(client, image, b"one"))
    assert len(list_referrers(client, "x", image.digest)) == 1


def test_two_writers_of_the_list_both_end_in_it(world: RegistrySimulator, client: Registry) -> None:
    """Another tool wrote between our reading and our writing: what it wrote is lost, and that is said."""
    image, [old] = attached(client, b"old")

    def overwrite() -> None:
        world.tags["x"][fallback_tag(image.digest)] = str(empty.digest)
        world.manifests["x"][str(empty.digest)] = (MEDIA_TYPE_INDEX, empty.raw)

    empty = image_index(())
    world.fail("GET .*/manifests/sha256-", skip=1, act=overwrite)
    with pytest.raises(VerificationError, match=f"no longer lists {old.digest.short}"):
        attach(client, "x", image.descriptor, evidence(client, image, b"new"))


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ('</v2/x?n=2>; rel="next"', "/v2/x?n=2"),
        ("</v2/x>; rel=next", "/v2/x"),
        ('</first>; rel="first", </v2/x,y>; title="a"; REL="prev next"', "/v2/x,y"),
        ('</v2/x>; rel="prev"', None),
        ("", None),
        ("/v2/x; rel=next", None),
    ],
)
def test_link_header(link: str, leads: str | None) -> None:
    assert next_page(link) == leads


@pytest.mark.parametrize("listing", [False, True], ids=["fallback", "referrers API"])
def test_what_tests_attach_at_once_is_what_a_client_leaves(listing: bool) -> None:
    """Fixtures store a dozen statements in the simulator without a request; that must be the same state."""
    with simulated_registry(referrers_api=listing) as world, world.client() as client:
        image, made = attached(client, b"one", b"two", b"three")
        attach(client, "x", image.descriptor, made[1])
        other = RegistrySimulator(referrers_api=listing)
        with serving(other), other.client() as second:
            image_of(second)
            for name, each in zip((b"one", b"two", b"three", b"two"), (*made, made[1]), strict=True):
                other.attach("x", image.digest, each, EMPTY, name)
            assert other.snapshot() == world.snapshot()
            assert other.manifests == world.manifests
            assert list_referrers(second, "x", image.digest) == list_referrers(client, "x", image.digest)
