"""fleet/fleet.lock: out of verified images and signed disks alone, and what an image says of itself must agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit.app.fleetlock import locked
from imagekit.base.errors import ImagekitError
from imagekit.oci.reference import Digest
from imagekit.provision.lockfile import lock_text, parse_lock
from imagekit.trust.sign.native import public_key_pem
from imagekit.trust.sign.trustedit import read_trust, write_trust
from imagekit.trust.sign.trustfile import Purpose, TrustedKey, TrustFile
from tests.support.fleetpublished import published, push_disk_of
from tests.support.fleetsite import FleetSite, open_fleet_site
from tests.support.images import key
from tests.support.registry import simulated_registry

SAID = {
    "KAIROS_VERSION": "v1",
    "KAIROS_ARCH": "amd64",
    "KAIROS_FLAVOR": "rhel",
    "KAIROS_FLAVOR_RELEASE": "9.6",
    "KAIROS_SOFTWARE_VERSION_PREFIX": "k0s",
    "KAIROS_SOFTWARE_VERSION": "v1.36.3+k0s.2",
}


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetSite]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    with simulated_registry() as simulator:
        yield open_fleet_site(tmp_path, simulator)


def disk(fleet: FleetSite, digest: Digest, content: bytes, *, signer: str = "fixed") -> str:
    path = fleet.release.root / f"{signer}.qcow2"
    path.write_bytes(content)
    return push_disk_of(fleet, digest, path, signer=signer)


def test_everything_comes_from_what_is_signed(fleet: FleetSite) -> None:
    digest = published(fleet, SAID)
    checksum = disk(fleet, digest, b"a disk")
    found = locked(fleet.project)
    said = found.releases[str(digest)]
    assert (said.version, said.k0s, said.distribution, said.distribution_version) == (
        "v1",
        "v1.36.3+k0s.2",
        "rhel",
        "9.6",
    )
    assert said.disks["qcow2"].sha256 == checksum
    assert parse_lock(lock_text(found)) == found


def test_what_is_locked_is_not_looked_up_again(fleet: FleetSite) -> None:
    digest = fleet.publish("v7", "prod")
    assert list(locked(fleet.project).releases) == [str(digest)]


@pytest.mark.attack
def test_an_image_that_is_another_version_inside_is_refused(fleet: FleetSite) -> None:
    """The Kairos operator goes by the version inside, and would skip this one or install it twice."""
    published(fleet, {**SAID, "KAIROS_VERSION": "v0"})
    with pytest.raises(ImagekitError, match=r"is v1 for the ledger, and v0 by its own etc/kairos-release"):
        locked(fleet.project)


@pytest.mark.attack
def test_an_image_that_says_nothing_is_refused(fleet: FleetSite) -> None:
    published(fleet, {})
    with pytest.raises(ImagekitError, match="and nothing by its own"):
        locked(fleet.project)


@pytest.mark.attack
def test_an_image_that_a_stranger_signed_is_refused(fleet: FleetSite) -> None:
    published(fleet, SAID, signer="stranger")
    with pytest.raises(ImagekitError, match="does not verify"):
        locked(fleet.project)


@pytest.mark.attack
def test_a_disk_that_a_stranger_signed_is_refused(fleet: FleetSite) -> None:
    digest = published(fleet, SAID)
    disk(fleet, digest, b"another disk", signer="stranger")
    with pytest.raises(ImagekitError, match="no trusted key signed"):
        locked(fleet.project)


@pytest.mark.attack
@pytest.mark.parametrize(("channels", "good"), [(("dev", "publish"), False), (("prod", "publish"), True)])
def test_a_disk_for_prod_is_signed_by_a_key_that_serves_prod(
    fleet: FleetSite, channels: tuple[str, ...], good: bool
) -> None:
    """D4, own variant: whoever builds for dev put a disk beside the image that prod runs, and it came into the lock."""
    file = read_trust(fleet.project.root)
    assert file is not None
    pem = public_key_pem(key("dev-builder").public_key()).decode()
    other = TrustedKey(id="dev-builder", pem=pem, purposes=(Purpose.BUILD,), channels=channels)
    write_trust(fleet.project.root, TrustFile(version=1, keys=(*file.keys, other)))
    digest = published(fleet, SAID)
    checksum = disk(fleet, digest, b"a disk of dev's", signer="dev-builder")
    if good:
        assert locked(fleet.project).releases[str(digest)].disks["qcow2"].sha256 == checksum
        return
    with pytest.raises(ImagekitError, match="no trusted key signed"):
        locked(fleet.project)


@pytest.mark.attack
def test_a_digest_of_nobody_is_refused(fleet: FleetSite) -> None:
    with pytest.raises(ImagekitError, match="no record of the ledger"):
        locked(fleet.project, [Digest("sha256:" + "0" * 64)])


def test_an_image_without_kubernetes_is_locked_as_such(fleet: FleetSite) -> None:
    digest = published(fleet, {name: value for name, value in SAID.items() if "SOFTWARE" not in name})
    assert locked(fleet.project).releases[str(digest)].k0s is None
