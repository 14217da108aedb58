"""Version tags are given once, by whatever the registry can do for it."""

from __future__ import annotations

import pytest

from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.errors import AccessDeniedError, RegistryError, TagExistsError
from imagekit.registry.tag import give_tag
from imagekit.registry.transfer import push_image
from tests.support.images import LayoutImage
from tests.support.registry import RegistrySimulator

pytestmark = pytest.mark.attack

REPOSITORY = "imagekit/node"
SECOND = b'{"schemaVersion":2,"manifests":[]}'
OTHER = str(Digest.of(SECOND))


@pytest.fixture
def target(world: RegistrySimulator, client: Registry, image: LayoutImage) -> Reference:
    reference = Reference(world.address, REPOSITORY, "v1", image.digest)
    push_image(image.layout, image.digest, reference, client)
    return reference


def taken_meanwhile(world: RegistrySimulator, digest: str) -> None:
    """Somebody gives the tag after it was found free and before it is written."""
    world.fail(f"GET /v2/{REPOSITORY}/manifests/sha256", act=lambda: world.tags[REPOSITORY].update(v1=digest))
    world.tags.setdefault(REPOSITORY, {})


@pytest.mark.parametrize("status", [412, 400, 409, 403])
def test_a_registry_with_immutable_tags_decides_who_was_first(
    world: RegistrySimulator, client: Registry, target: Reference, status: int
) -> None:
    world.immutable = status
    taken_meanwhile(world, OTHER)
    world.manifests[REPOSITORY][OTHER] = ("application/vnd.oci.image.index.v1+json", SECOND)
    with pytest.raises(TagExistsError, match="already names"):
        give_tag(target, client)
    assert world.tags[REPOSITORY]["v1"] == OTHER


def test_a_refused_write_of_our_own_tag_is_no_failure(
    world: RegistrySimulator, client: Registry, target: Reference
) -> None:
    world.fail(f"PUT /v2/{REPOSITORY}/manifests/v1", status=412, act=lambda: give(world, target))
    give_tag(target, client)
    assert world.tags[REPOSITORY]["v1"] == str(target.digest)


def give(world: RegistrySimulator, target: Reference) -> None:
    world.tags.setdefault(REPOSITORY, {})["v1"] = str(target.digest)


@pytest.mark.parametrize(("status", "kind"), [(412, RegistryError), (403, AccessDeniedError)])
def test_a_refusal_for_another_reason_stays_one(
    world: RegistrySimulator, client: Registry, target: Reference, status: int, kind: type[Exception]
) -> None:
    world.fail(f"PUT /v2/{REPOSITORY}/manifests/v1", status=status, times=9)
    with pytest.raises(kind):
        give_tag(target, client)
    assert "v1" not in world.tags.get(REPOSITORY, {})
