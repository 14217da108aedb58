"""What an earlier pull left is used when it is whole, and only then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from imagekit.oci.reference import Reference
from imagekit.registry.client import Registry
from imagekit.registry.pull import pull_image
from imagekit.registry.transfer import push_image
from tests.support.images import LayoutImage
from tests.support.registry import RegistrySimulator

pytestmark = pytest.mark.attack


def flip(data: bytes) -> bytes:
    return data[:7] + bytes([data[7] ^ 1]) + data[8:]


@pytest.mark.parametrize(
    "damage", [flip, lambda data: data[:-1], lambda data: data + b"x", lambda data: b"", lambda data: b"\0" * len(data)]
)
def test_a_damaged_blob_of_an_earlier_pull_is_fetched_again(
    image: LayoutImage, client: Registry, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    """D27: a flipped bit was never healed, as the size alone was looked at."""
    push_image(image.layout, image.digest, Reference(client.address, "x"), client)
    into = tmp_path / "into"
    assert pull_image(client, "x", image.digest, into) > 0
    assert pull_image(client, "x", image.digest, into) == 0
    kept = into / "blobs/sha256" / image.layers[0].hex
    whole = kept.read_bytes()
    kept.write_bytes(damage(whole))
    assert pull_image(client, "x", image.digest, into) == len(whole)
    assert kept.read_bytes() == whole


def test_what_is_whole_is_not_asked_for(
    image: LayoutImage, world: RegistrySimulator, client: Registry, tmp_path: Path
) -> None:
    push_image(image.layout, image.digest, Reference(client.address, "x"), client)
    pull_image(client, "x", image.digest, tmp_path / "into")
    world.requests.clear()
    pull_image(client, "x", image.digest, tmp_path / "into")
    assert not [request for request in world.requests if "/blobs/" in request]
