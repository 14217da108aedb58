"""fleet/fleet.lock: out of verified images and signed disks alone, and what an image says of itself must agree."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from imagekit.app.fleetlock import locked
from imagekit.base.errors import ImagekitError
from imagekit.oci.reference import Digest
from imagekit.provision.lockfile import lock_text, parse_lock
from imagekit.release.channel.promote import promote
from imagekit.release.diskartifact import DiskFile, push_disk_file
from imagekit.trust.sign.native import NativeSigner, NativeVerifier
from tests.support.fleetsite import FleetSite, open_fleet_site
from tests.support.images import fixed_key, key, write_image
from tests.support.registry import simulated_registry
from tests.support.released import release
from tests.support.releasefixture import IMAGE

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


def layer(files: dict[str, str]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return zstandard.compress(raw.getvalue())


def published(fleet: FleetSite, said: dict[str, str], *, signer: str = "fixed") -> Digest:
    """An image that says this in its release file, signed and let into prod."""
    text = "".join(f'{name}="{value}"\n' for name, value in said.items())
    labels = {"org.opencontainers.image.version": "v1", "org.opencontainers.image.created": "2026-11-20T00:00:00+00:00"}
    image = write_image(
        fleet.release.root / "image", (layer({"etc/motd": "x"}), layer({"etc/kairos-release": text})), labels
    )
    own = NativeSigner(fixed_key() if signer == "fixed" else key(signer))
    with fleet.release.registry(fleet.release.simulator.address) as client:
        release(fleet.project, image, client, version="v1", name=IMAGE, signer=own)
        client.put_manifest(f"imagekit/{IMAGE}", client.manifest(f"imagekit/{IMAGE}", image.digest), "v1")
    promote(fleet.release.context(), fleet.release.source(image.digest), "prod", image=IMAGE)
    return image.digest


def disk(fleet: FleetSite, digest: Digest, content: bytes, *, signer: str = "fixed") -> str:
    path = fleet.release.root / f"{signer}.qcow2"
    path.write_bytes(content)
    made = DiskFile(path=path, title="node.qcow2", form="qcow2", sha256=Digest.of_file(path).hex)
    private = fixed_key() if signer == "fixed" else key(signer)
    image = fleet.release.context().home("prod", IMAGE).at(digest)
    with fleet.release.registry(image.registry) as client:
        push_disk_file(client, image, made, NativeSigner(private), NativeVerifier(private.public_key()))
    return made.sha256


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
def test_a_digest_of_nobody_is_refused(fleet: FleetSite) -> None:
    with pytest.raises(ImagekitError, match="no record of the ledger"):
        locked(fleet.project, [Digest("sha256:" + "0" * 64)])


def test_an_image_without_kubernetes_is_locked_as_such(fleet: FleetSite) -> None:
    digest = published(fleet, {name: value for name, value in SAID.items() if "SOFTWARE" not in name})
    assert locked(fleet.project).releases[str(digest)].k0s is None
