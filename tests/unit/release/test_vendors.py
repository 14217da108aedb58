"""The registries that people have, each through all of it: publish, verify, promote, yank (issue 13, W10-W14)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit.oci.manifest import Descriptor
from imagekit.oci.reference import Digest, Reference
from imagekit.registry import upload
from imagekit.registry.blobs import BlobSource
from imagekit.registry.errors import AccessDeniedError, InsecureAddressError, RegistryError, TagExistsError
from imagekit.registry.referrers import fallback_tag
from imagekit.release.channel.promote import promote
from imagekit.release.channel.yank import yank
from imagekit.release.publish import Published, publish_image
from imagekit.trust.evidence.decisions import YANK_TYPE
from imagekit.trust.proof import read_proof
from imagekit.trust.sign.native import NativeSigner, NativeVerifier
from imagekit.trust.verify import verify_image
from tests.support.images import LayoutImage, evidence_of, fixed_key, write_image
from tests.support.releasefixture import IMAGE, ReleaseFixture, open_release_fixture
from tests.support.vendors import ELSEWHERE, PASSWORD, USER, VENDORS, Vendor, simulated_vendor

HOME = "imagekit/node"
VERIFIER = NativeVerifier(fixed_key().public_key())
HELPER = f"""#!/bin/sh
[ "$1" = get ] && echo '{{"ServerURL":"x","Username":"{USER}","Secret":"{PASSWORD}"}}'
"""


@pytest.fixture(params=VENDORS)
def vendor(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    with simulated_vendor(request.param) as made:
        folder = tmp_path / "docker"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(made.entry()))
        helper = tmp_path / "bin" / "docker-credential-ecr-login"
        helper.parent.mkdir()
        helper.write_text(HELPER)
        helper.chmod(0o755)
        monkeypatch.setenv("DOCKER_CONFIG", str(folder))
        monkeypatch.setenv("PATH", f"{helper.parent}:/usr/local/bin:/usr/bin:/bin")
        monkeypatch.setenv("IMAGEKIT_REGISTRY_TOKEN_HOSTS", made.token_address)
        monkeypatch.setenv("IMAGEKIT_REGISTRY_STORAGE_HOSTS", made.storage.address if made.storage else "")
        yield made
        assert made.wrong == []


def version_image(folder: Path, version: str, content: str) -> LayoutImage:
    labels = {"org.opencontainers.image.version": version}
    return write_image(folder / content, (b"base" * 500, content.encode() * 500), labels)


def publish(fixture: ReleaseFixture, image: LayoutImage, version: str) -> Published:
    with fixture.registry(fixture.simulator.address) as client:
        return publish_image(
            image.layout,
            image.digest,
            Reference(client.address, HOME, version),
            evidence=evidence_of(image.digest),
            signer=NativeSigner(fixed_key()),
            verifier=VERIFIER,
            client=client,
            locks=fixture.root / "locks",
        )


def denied(fixture: ReleaseFixture, repository: str, digest: Digest) -> bool:
    """Whether somebody who comes fresh sees the denial."""
    with fixture.registry(fixture.simulator.address) as client:
        found = verify_image(Reference(client.address, repository, None, digest), client, VERIFIER)
        assert not found.passed
        return bool(read_proof(client, repository, digest, VERIFIER).of_type(YANK_TYPE))


def test_the_whole_story(vendor: Vendor, tmp_path: Path) -> None:
    """W13: with some of these no publish ever ended well."""
    fixture = open_release_fixture(tmp_path, vendor)
    image = version_image(tmp_path, "v1", "first")
    done = publish(fixture, image, "v1")
    assert (done.no_op, done.verification.passed) == (False, True)
    assert publish(fixture, image, "v1").no_op
    with pytest.raises(TagExistsError, match=str(image.digest)):
        publish(fixture, version_image(tmp_path, "v1", "second"), "v1")
    with fixture.registry(vendor.address) as client:
        assert verify_image(Reference(client.address, HOME, "v1"), client, VERIFIER).passed
    for channel in ("dev", "prod"):
        promote(fixture.context(), fixture.source(image.digest), channel, image=IMAGE)
        assert fixture.tagged(channel) == {"v1": str(image.digest)}
    homes = [fixture.context().home(channel, IMAGE) for channel in ("dev", "prod")]
    withdrawn = yank(fixture.context(), fixture.source(image.digest), image=IMAGE, reason="leaks memory", homes=homes)
    assert len(withdrawn.attached) == 3
    assert all(denied(fixture, repository, image.digest) for repository in (HOME, *(home.repository for home in homes)))


def test_evidence_is_where_the_vendor_lists_it(vendor: Vendor, tmp_path: Path) -> None:
    """The fallback tag is there exactly where the registry has no list of its own."""
    image = version_image(tmp_path, "v1", "first")
    publish(open_release_fixture(tmp_path, vendor), image, "v1")
    assert (fallback_tag(image.digest) in vendor.tags[HOME]) is not vendor.referrers_api


@pytest.mark.parametrize("vendor", [name for name, kind in VENDORS.items() if kind().taken], indirect=True)
def test_a_tag_that_the_registry_keeps_is_told_as_taken(vendor: Vendor, tmp_path: Path) -> None:
    """The second writer comes past the lock, just before our own write: 400, 403, 405, 409 or 412 are all "taken"."""
    fixture = open_release_fixture(tmp_path, vendor)
    first, second = version_image(tmp_path, "v1", "first"), version_image(tmp_path, "v1", "second")
    publish(fixture, first, "v0")

    def other() -> None:
        vendor.tags[HOME]["v1"] = str(first.digest)

    vendor.fail(f"PUT /v2/{HOME}/manifests/v1", act=other)
    with pytest.raises(TagExistsError, match=str(first.digest)):
        publish(fixture, second, "v1")


def test_a_blob_of_several_pieces(vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ECR drops each piece after the first, with 201 (aws/containers-roadmap#2831)."""
    monkeypatch.setattr(upload, "PIECE", 1000)
    data = bytes(range(256)) * 20
    with open_release_fixture(tmp_path, vendor).registry(vendor.address) as client:
        client.put_blob(HOME, BlobSource.of_bytes(data))
        assert client.read_blob(HOME, Descriptor.of(data, "a/b"), limit=1 << 20) == data
        client.put_blob(HOME, BlobSource.of_bytes(data[1:]))
    assert vendor.blobs[HOME][str(Digest.of(data))] == data


def test_a_wrong_password_is_said(vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEKIT_REGISTRY_HOST", vendor.address)
    monkeypatch.setenv("IMAGEKIT_REGISTRY_USERNAME", USER)
    monkeypatch.setenv("IMAGEKIT_REGISTRY_PASSWORD", "wrong-password")
    with (
        open_release_fixture(tmp_path, vendor).registry(vendor.address) as client,
        pytest.raises(AccessDeniedError, match=r"401|refuses") as caught,
    ):
        client.tags(HOME)
    assert "wrong-password" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize("vendor", ELSEWHERE, indirect=True)
def test_elsewhere_is_only_where_the_user_said(vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Storage and token servers at other addresses of this machine are refused unless they are named."""
    monkeypatch.delenv("IMAGEKIT_REGISTRY_TOKEN_HOSTS")
    monkeypatch.delenv("IMAGEKIT_REGISTRY_STORAGE_HOSTS")
    data = b"content"
    vendor.blobs[HOME] = {str(Digest.of(data)): data}
    with (
        open_release_fixture(tmp_path, vendor).registry(vendor.address) as client,
        pytest.raises((InsecureAddressError, RegistryError), match=r"IMAGEKIT|plain HTTP") as caught,
    ):
        client.read_blob(HOME, Descriptor.of(data, "a/b"), limit=1 << 20)
    assert "Signature" not in str(caught.value)
