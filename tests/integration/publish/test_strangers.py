"""What a pusher (no key, no delete right) does to real registries: nothing in use is deleted, no door stays closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.oci.manifest import EMPTY, MEDIA_TYPE_EMPTY, Descriptor, image_manifest
from imagekit.oci.reference import Reference
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.lock import locked
from imagekit.registry.transfer import push_image
from tests.support.images import write_image

pytestmark = [pytest.mark.registry, pytest.mark.attack]
REPOSITORY = "imagekit/prod/node"


def lock_twice(client: Registry, folder: Path) -> None:
    """What every publish, promotion and yank does first; the second sweeps what the first may have left."""
    for _ in range(2):
        with locked(client, REPOSITORY, folder, seconds=5):
            pass


@pytest.mark.parametrize("tag", ["imagekit-claim-x", "imagekit-claim-0123456789ab-01234567"])
def test_what_prod_runs_is_not_deleted_as_a_claim(client: Registry, tmp_path: Path, tag: str) -> None:
    """D44: one PUT of prod's manifest under the name of a claim, and the next promote or yank deleted it."""
    image = write_image(tmp_path / "oci")
    push_image(image.layout, image.digest, Reference(client.address, REPOSITORY), client)
    for name in ("v1", tag):
        client.put_manifest(REPOSITORY, client.manifest(REPOSITORY, image.digest), name)
    lock_twice(client, tmp_path / "locks")
    assert client.find_manifest(REPOSITORY, image.digest) is not None
    assert client.resolve(Reference(client.address, REPOSITORY, "v1")) == image.digest


def test_a_claim_dated_2099_does_not_lock(client: Registry, tmp_path: Path) -> None:
    """D9"""
    tag = "imagekit-claim-0123456789ab-01234567"
    client.put_blob(REPOSITORY, BlobSource.of_bytes(EMPTY))
    empty = Descriptor.of(EMPTY, MEDIA_TYPE_EMPTY)
    said = {
        "imagekit.owner": "0123456789ab",
        "imagekit.created": "2099-01-01T00:00:00+00:00",
        "imagekit.host": "h",
        "tag": tag,
    }
    claim = image_manifest(
        config=empty, layers=(empty,), artifact_type="application/vnd.imagekit.claim.v1", annotations=said
    )
    client.put_manifest(REPOSITORY, claim, tag)
    lock_twice(client, tmp_path / "locks")
