"""Registries, and what stands before them, as people report them; each needs no more than another try, or a word."""

from __future__ import annotations

import base64
import json
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from imagekit.oci.manifest import EMPTY, MEDIA_TYPE_EMPTY, Descriptor, Manifest, image_manifest
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.credentials import Credentials
from imagekit.registry.errors import AccessDeniedError, RegistryError, RegistryUnavailableError
from imagekit.registry.transfer import copy_image
from tests.support.registry import RegistrySimulator

DATA = bytes(range(256)) * 40
BLOB = Descriptor.of(DATA, "application/octet-stream")
ME = Credentials("me", "secret")


def _manifest() -> Manifest:
    return image_manifest(config=Descriptor.of(EMPTY, MEDIA_TYPE_EMPTY), layers=(), artifact_type="application/x-test")


@pytest.mark.parametrize("status", [404, 403])
def test_what_is_hidden_from_strangers_is_asked_for_again_with_the_password(
    world: RegistrySimulator, client: Registry, status: int
) -> None:
    """Artifactory and htpasswd answer 404 or 403 to who has not logged in: distribution#1984, cargo#15118."""
    manifest = _manifest()
    client.put_blob("x", BlobSource.of_bytes(EMPTY))
    client.put_manifest("x", manifest, "v1")
    world.password = ME.basic()
    world.fail(r"GET /v2/x/manifests/v1", status=status)
    with world.client(credentials=ME) as known:
        assert known.manifest("x", "v1").digest == manifest.digest
    assert world.requests[-3:] == ["GET /v2/x/manifests/v1", "GET /v2/", "GET /v2/x/manifests/v1"]
    assert world.authorizations[-3:] == ["", "", ME.basic()]


def test_a_plain_404_costs_one_look_more_at_most(world: RegistrySimulator) -> None:
    with world.client(credentials=ME) as client:
        assert [client.find_manifest("x", "v1"), client.find_manifest("x", "v2")] == [None, None]
    assert world.requests.count("GET /v2/") == 1


def test_a_challenge_that_stands_at_the_root_alone(world: RegistrySimulator) -> None:
    """A 401 without WWW-Authenticate, as of proxies that authenticate in the registry's stead."""
    world.password = ME.basic()
    world.fail("HEAD", status=401)
    with world.client(credentials=ME) as client:
        assert not client.has_blob("x", BLOB.digest)
    world.fail("GET", status=401, times=2)
    with world.client(credentials=ME) as client, pytest.raises(AccessDeniedError, match="none that can be read"):
        client.find_manifest("x", "v1")


@pytest.mark.parametrize("form", ["seconds", "date", "date without a clock"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_is_asked_for_is_kept(
    world: RegistrySimulator, client: Registry, monkeypatch: pytest.MonkeyPatch, form: str, status: int
) -> None:
    """RFC 9110, 10.2.3; the registry's clock counts where there is one (cvmfs#4110, drydock#343)."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    world.dated = form != "date without a clock"
    world.ahead = 7200.0 if world.dated else 0.0
    said = "40" if form == "seconds" else formatdate(time.time() + world.ahead + 41, usegmt=True)
    world.fail("HEAD", status=status, headers={"Retry-After": said})
    assert not client.has_blob("x", BLOB.digest)
    assert [38 < pause < 42 for pause in slept] == [True]


def test_a_pause_of_an_hour_is_said_and_not_waited_for(world: RegistrySimulator, client: Registry) -> None:
    world.fail("HEAD", status=429, times=9, headers={"Retry-After": "3600"})
    with pytest.raises(RegistryUnavailableError, match="status 429") as caught:
        client.has_blob("x", BLOB.digest)
    assert "a pause of 3600 s" in caught.value.hint
    assert len(world.requests) == 1


@pytest.mark.parametrize("said", ["", "soon", "-1", "99999999999999999999", "Mon, 32 Jan 2026 00:00:00 GMT", "1.5"])
def test_a_pause_that_cannot_be_read_is_none(world: RegistrySimulator, client: Registry, said: str) -> None:
    world.fail("HEAD", status=503, headers={"Retry-After": said} if said else {})
    if len(said) > 9 and said.isdigit():
        with pytest.raises(RegistryUnavailableError):
            client.has_blob("x", BLOB.digest)
    else:
        assert not client.has_blob("x", BLOB.digest)


@pytest.mark.parametrize("status", [401, 403, 405, 404, 400])
def test_a_mount_that_is_denied_is_an_upload(world: RegistrySimulator, client: Registry, status: int) -> None:
    """The account may push here and not read there: oras#1924, containerd#14086, buildkit#2454."""
    world.blobs["x"] = {str(BLOB.digest): DATA}
    world.fail("POST .*mount=", status=status, times=2)
    assert client.put_blob("y", BlobSource.of_bytes(DATA), mount_from="x") == len(DATA)
    assert world.blobs["y"][str(BLOB.digest)] == DATA


def test_an_upload_opened_in_place_of_a_mount_is_dropped(world: RegistrySimulator, client: Registry) -> None:
    world.blobs["x"], world.mounts = {str(BLOB.digest): DATA}, False
    client.put_blob("y", BlobSource.of_bytes(DATA), mount_from="x")
    dropped = [request for request in world.requests if request.startswith("DELETE /v2/y/blobs/uploads/")]
    assert len(dropped) == 1


def test_what_was_written_is_waited_for(world: RegistrySimulator, client: Registry) -> None:
    """Replicas that lag: docker-manifest-create-action#857 (Docker Hub), pithead#429 (GHCR)."""
    manifest = _manifest()
    client.put_blob("x", BlobSource.of_bytes(EMPTY))
    client.put_manifest("x", manifest, "v1")
    world.fail("GET .*/manifests/v1", status=404, times=2)
    world.fail("GET .*/manifests/sha256", status=404, times=2)
    world.fail("HEAD .*/blobs/", status=404, times=2)
    assert client.manifest("x", "v1").digest == client.manifest("x", manifest.digest).digest == manifest.digest
    assert client.has_blob("x", Digest.of(EMPTY))


def test_a_blob_that_the_registry_does_not_see_yet(world: RegistrySimulator, client: Registry) -> None:
    """Nexus, of what was sent a moment ago: manifest-tool#191. What nobody sent stays unknown."""
    unknown = b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}'
    client.put_blob("x", BlobSource.of_bytes(EMPTY))
    world.fail("PUT .*/manifests/", status=404, times=2, alter=lambda _: unknown)
    client.put_manifest("x", _manifest(), "v1")
    with pytest.raises(RegistryError, match="MANIFEST_BLOB_UNKNOWN"):
        client.put_manifest("y", _manifest(), "v1")
    assert [request for request in world.requests if "PUT /v2/y/" in request] == ["PUT /v2/y/manifests/v1"]


def test_what_others_wrote_or_we_deleted_is_not_waited_for(world: RegistrySimulator, client: Registry) -> None:
    client.put_blob("x", BlobSource.of_bytes(EMPTY))
    client.put_manifest("x", _manifest(), "v1")
    client.delete_manifest("x", _manifest().digest)
    before = len(world.requests)
    assert [client.find_manifest("x", name) for name in ("v1", "v2", _manifest().digest)] == [None] * 3
    assert len(world.requests) == before + 3


def test_a_copy_goes_through_where_replicas_lag(world: RegistrySimulator, client: Registry) -> None:
    client.put_blob("x", BlobSource.of_bytes(EMPTY))
    client.put_manifest("x", _manifest())
    world.fail("GET /v2/y/manifests/", status=404, times=1)
    world.fail("HEAD /v2/y/blobs/", status=404, skip=1, times=1)
    source, target = Reference(world.address, "x"), Reference(world.address, "y")
    copy_image(source, _manifest().digest, target, client, client)
    assert client.find_manifest("y", _manifest().digest) is not None


@pytest.mark.parametrize("method", ["PATCH", "PUT .*/uploads/"])
def test_a_bound_on_requests_says_where_it_is_set(world: RegistrySimulator, client: Registry, method: str) -> None:
    """nginx before the registry: docker/build-push-action#634, harbor#3270."""
    world.fail(method, status=413, alter=lambda _: b"<html><h1>413 Request Entity Too Large</h1></html>")
    with pytest.raises(RegistryError, match="status 413") as caught:
        client.put_blob("x", BlobSource.of_bytes(DATA))
    assert "pieces of 64 MiB. nginx: client_max_body_size 0" in caught.value.hint


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": "t"},
        {"token": "", "access_token": "t", "expires_in": "300"},
        {"token": "t", "access_token": "other", "expires_in": 0, "issued_at": ""},
        {"token": None, "access_token": "t", "expires_in": 1e300},
        {"token": "t", "expires_in": -1, "issued_at": "yesterday", "refresh_token": None},
        {"token": "t", "scope": ["a"], "padding": "x" * 200_000},
    ],
    ids=["access", "strings", "both", "null", "negative", "much"],
)
def test_answers_of_token_servers(world: RegistrySimulator, answer: dict[str, object]) -> None:
    """What else is in it says nothing: a 401 tells when a token is over."""
    world.bearer_realm = "/token"  # an address that is relative to what was asked
    world.granted = json.dumps(answer).replace('"t"', '"granted"').encode()
    with world.client(credentials=ME) as client:
        client.ping()
    assert world.authorizations == ["", ME.basic(), "Bearer granted"]


def test_two_accounts_of_one_host_each_for_its_namespace(
    world: RegistrySimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Robots of Quay and podman's keys with a path (containers/image#1373), through whole exchanges."""

    def entry(name: str) -> dict[str, str]:
        return {"auth": base64.b64encode(f"{name}:secret".encode()).decode()}

    keys = {f"{world.address}/team/a": entry("a"), f"{world.address}/team": entry("team"), world.address: entry("host")}
    (tmp_path / "config.json").write_text(json.dumps({"auths": keys}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for repository, name in (("team/a", "a"), ("team/a/node", "a"), ("team/ab", "team"), ("other", "host")):
        world.password = Credentials(name, "secret").basic()
        with world.client() as client:
            assert client.find_manifest(repository, "v1") is None
