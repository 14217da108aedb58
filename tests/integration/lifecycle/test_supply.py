"""The supply against a real registry: each kind of image is what it says, as a client on the node's side sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit.base.errors import ImagekitError
from imagekit.machine.domain import Forward
from imagekit.oci.layout import Compression
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.errors import DigestMismatchError
from imagekit.scenarios.model import Kind
from imagekit.scenarios.supply import REPOSITORY, VariantSupply, supply
from imagekit.trust.sign.native import NativeVerifier, read_public_key
from imagekit.trust.verify import Verification, verify_image
from tests.support.layout import layer, layout, member
from tests.support.registry import QUICK
from tests.unit.scenarios.images import with_config

pytestmark = pytest.mark.registry
RELEASE = b'KAIROS_VERSION="v1.0.0"\n'


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[VariantSupply, Forward]]:
    folder = tmp_path_factory.mktemp("supply")
    tars = [layer(member("etc/kairos-release", RELEASE), member("usr/big", bytes(4 << 20)))]
    made = with_config(folder / "oci", layout(folder / "oci", tars, Compression.NONE))
    with supply(layout=folder / "oci", image=made, version="v1.0.0", itself=False, scratch=folder / "work") as found:
        yield found


def digest_of(images: VariantSupply, kind: Kind) -> Digest:
    return Digest(images.target(kind).source.rpartition("@")[2])


def verified(served: tuple[VariantSupply, Forward], kind: Kind) -> Verification:
    images, forward = served
    address = f"127.0.0.1:{forward.host_port}"
    verifier = NativeVerifier(read_public_key(images.public_key.encode(), "key"))
    with Registry(address) as client:
        reference = Reference(address, REPOSITORY, None, digest_of(images, kind))
        return verify_image(reference, client, verifier)


@pytest.mark.parametrize("kind", [Kind.NEXT, Kind.LATER, Kind.LAST, Kind.PANIC, Kind.HANG, Kind.FAIL])
def test_images_are_signed_and_whole(served: tuple[VariantSupply, Forward], kind: Kind) -> None:
    satisfied = {item.name: item.satisfied for item in verified(served, kind).findings}
    assert satisfied["content"]
    assert satisfied["signature"]


def test_versions_and_digests_all_differ(served: tuple[VariantSupply, Forward]) -> None:
    images, _ = served
    assert len({images.target(kind).version for kind in Kind}) == len(Kind)
    assert len({digest_of(images, kind) for kind in Kind}) == len(Kind)
    assert images.target(Kind.NEXT).version == "v1.0.0+next.1"


def test_one_is_not_signed(served: tuple[VariantSupply, Forward]) -> None:
    satisfied = {item.name: item.satisfied for item in verified(served, Kind.UNSIGNED).findings}
    assert satisfied["content"]
    assert not satisfied["signature"]


def test_a_damaged_one_is_signed_and_not_whole(served: tuple[VariantSupply, Forward]) -> None:
    satisfied = {item.name: item.satisfied for item in verified(served, Kind.DAMAGED).findings}
    assert satisfied["signature"]
    assert not satisfied["content"]


def read_all(forward: Forward, digest: Digest) -> None:
    with Registry(f"127.0.0.1:{forward.host_port}", timeouts=QUICK) as client:
        for blob in client.manifest(REPOSITORY, digest).blobs:
            assert sum(map(len, client.blob(REPOSITORY, blob))) == blob.size


def test_it_dies_half_way_and_comes_back(served: tuple[VariantSupply, Forward]) -> None:
    images, forward = served
    target = images.target(Kind.NEXT)
    images.die_after(target.size // 2)
    with pytest.raises(ImagekitError) as caught:
        read_all(forward, digest_of(images, Kind.NEXT))
    assert not isinstance(caught.value, DigestMismatchError)
    images.revive()
    assert {item.name for item in verified(served, Kind.NEXT).findings if item.satisfied} >= {"content"}


def test_the_same_image_gives_the_same_variant(tmp_path: Path, served: tuple[VariantSupply, Forward]) -> None:
    tars = [layer(member("etc/kairos-release", RELEASE), member("usr/big", bytes(4 << 20)))]
    made = with_config(tmp_path / "oci", layout(tmp_path / "oci", tars, Compression.NONE))
    with supply(layout=tmp_path / "oci", image=made, version="v1.0.0", itself=True, scratch=tmp_path / "w") as (own, _):
        assert digest_of(own, Kind.LATER) == digest_of(served[0], Kind.LATER)
        assert digest_of(own, Kind.NEXT) == made
        assert own.target(Kind.NEXT).version == "v1.0.0"
