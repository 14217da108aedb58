"""The registry client against a registry that refuses, cuts and lies."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor

import pytest

from imagekit.base.errors import ImagekitError
from imagekit.oci.errors import MalformedError
from imagekit.oci.manifest import EMPTY, MEDIA_TYPE_EMPTY, Descriptor, Manifest, image_manifest
from imagekit.oci.reference import Digest, Reference
from imagekit.registry import upload
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.credentials import Credentials
from imagekit.registry.errors import (
    AccessDeniedError,
    DigestMismatchError,
    InsecureAddressError,
    MissingObjectError,
    RegistryUnavailableError,
    TooLargeError,
)
from imagekit.registry.timeouts import Timeouts
from tests.support.registry import RegistrySimulator, simulated_registry

pytestmark = pytest.mark.attack

DATA = bytes(range(256)) * 40
BLOB = Descriptor.of(DATA, "application/octet-stream")


def _put(client: Registry, data: bytes = DATA) -> int:
    return client.put_blob("x", BlobSource.of_bytes(data))


def _store(world: RegistrySimulator, data: bytes = DATA) -> None:
    world.blobs.setdefault("x", {})[str(Digest.of(data))] = data


def test_blob_goes_there_and_back(world: RegistrySimulator, client: Registry) -> None:
    assert _put(client) == len(DATA)
    assert b"".join(client.blob("x", BLOB)) == DATA
    assert _put(client) == 0
    assert world.received == len(DATA)


def test_a_connection_of_a_thread_that_ended_is_closed_with_the_client(client: Registry) -> None:
    """One that is not would be a ResourceWarning, which pytest takes for a failure."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(client.ping).result()
    gc.collect()
    client.close()
    gc.collect()


def test_empty_blob(client: Registry) -> None:
    assert _put(client, b"") == 0
    assert b"".join(client.blob("x", Descriptor.of(b"", "a/b"))) == b""


def test_upload_in_pieces(world: RegistrySimulator, client: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "PIECE", 1000)
    assert _put(client) == len(DATA)
    assert sum(request.startswith("PATCH") for request in world.requests) == 11
    assert world.blobs["x"][str(BLOB.digest)] == DATA


@pytest.mark.parametrize("kept", [0, 1, 2, 700, 999])
def test_upload_goes_on_where_the_connection_broke(
    world: RegistrySimulator, client: Registry, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(upload, "PIECE", 1000)
    world.fail("PATCH", skip=3, cut_request=kept)
    _put(client)
    assert world.blobs["x"][str(BLOB.digest)] == DATA
    assert world.received <= len(DATA)


def test_upload_begins_anew_when_the_registry_forgot_it(world: RegistrySimulator, client: Registry) -> None:
    world.fail("PATCH", act=world.uploads.clear)
    world.fail("PUT .*digest", act=world.uploads.clear)
    _put(client)
    assert world.blobs["x"][str(BLOB.digest)] == DATA


@pytest.mark.parametrize("request_", ["PATCH", "PUT .*digest"])
def test_a_registry_that_loses_every_session_of_pieces_gets_the_blob_whole(
    world: RegistrySimulator, client: Registry, monkeypatch: pytest.MonkeyPatch, request_: str
) -> None:
    """GHCR answered the end of such an upload with 404 (dotnet/sdk-container-builds#292)."""
    monkeypatch.setattr(upload, "PIECE", 1000)
    world.fail(request_, skip=3 if request_ == "PATCH" else 0, status=404)
    _put(client)
    assert world.blobs["x"][str(BLOB.digest)] == DATA
    sent = [request for request in world.requests if request.startswith("PATCH")]
    assert len(sent) == (4 if request_ == "PATCH" else 11) + 1


@pytest.mark.parametrize("method", ["HEAD", "POST", "PATCH", "PUT"])
@pytest.mark.parametrize("how", [{"status": 503}, {"status": 500}, {"status": 429}, {"reset": True}])
def test_passing_failures_are_tried_again(
    world: RegistrySimulator, client: Registry, method: str, how: dict[str, object]
) -> None:
    world.fail(f"^{method} ", times=2, **how)
    _put(client)
    assert world.blobs["x"][str(BLOB.digest)] == DATA


def test_lasting_failure_names_registry_and_object(world: RegistrySimulator, client: Registry) -> None:
    world.fail("PATCH", times=99, status=500)
    with pytest.raises(RegistryUnavailableError) as caught:
        _put(client)
    assert world.address in str(caught.value)
    assert BLOB.digest.short in str(caught.value)
    assert "simulated" in str(caught.value)
    assert len(world.requests) < 20


def test_nothing_listens() -> None:
    with simulated_registry() as gone:
        address = gone.address
    gone.address = address
    with gone.client() as client, pytest.raises(RegistryUnavailableError, match=address):
        client.ping()


def test_changed_source_is_not_sent_as_what_it_was(world: RegistrySimulator, client: Registry) -> None:
    source = BlobSource(digest=BLOB.digest, size=4, where="layer.tar", open_at=lambda offset: iter((b"liar",)))
    with pytest.raises(DigestMismatchError, match=r"layer\.tar"):
        client.put_blob("x", source)
    assert not any(request.startswith("PUT") for request in world.requests)


def test_short_source_is_noticed(client: Registry) -> None:
    source = BlobSource(digest=BLOB.digest, size=9, where="layer.tar", open_at=lambda offset: iter((b"liar",)))
    with pytest.raises(DigestMismatchError, match="ends after 4 of 9"):
        client.put_blob("x", source)


def test_download_goes_on_where_the_connection_broke(world: RegistrySimulator, client: Registry) -> None:
    _store(world)
    world.fail("GET .*/blobs/", cut_answer=5000)
    assert b"".join(client.blob("x", BLOB)) == DATA
    assert len(world.requests) == 2


def test_download_that_breaks_each_time_without_a_byte_ends(world: RegistrySimulator, client: Registry) -> None:
    _store(world)
    world.fail("GET .*/blobs/", cut_answer=0, times=99)
    with pytest.raises(RegistryUnavailableError, match="0 of 10240 bytes"):
        list(client.blob("x", BLOB))


@pytest.mark.parametrize(
    "lie",
    [lambda data: data[:-1] + b"!", lambda data: data + b"more", lambda data: b"", lambda data: data[:100]],
    ids=["changed", "longer", "nothing", "shorter"],
)
def test_altered_blob_is_refused(world: RegistrySimulator, client: Registry, lie: object) -> None:
    _store(world)
    world.fail("GET .*/blobs/", times=99, alter=lie)
    with pytest.raises(ImagekitError, match=str(BLOB.digest)):
        list(client.blob("x", BLOB))


def test_absent_blob_and_manifest(client: Registry) -> None:
    with pytest.raises(MissingObjectError, match=str(BLOB.digest)):
        list(client.blob("x", BLOB))
    with pytest.raises(MissingObjectError, match="no manifest v1"):
        client.manifest("x", "v1")
    assert client.resolve(Reference(client.address, "x", "v1")) is None


def test_altered_manifest_is_refused(world: RegistrySimulator, client: Registry) -> None:
    manifest = _manifest(client)
    client.put_manifest("x", manifest, "v1")
    world.fail("GET .*/manifests/", alter=lambda data: data.replace(b"2", b"3", 1))
    with pytest.raises(DigestMismatchError, match=str(manifest.digest)):
        client.manifest("x", manifest.digest)


def test_a_manifest_that_comes_drop_by_drop_is_given_up(world: RegistrySimulator) -> None:
    """Each byte comes in time, so that no silence is noticed; the answer as a whole has a limit."""
    timeouts = Timeouts(attempts=1, silence=5.0, answer=0.3)
    with Registry(world.address, timeouts=timeouts) as client:
        manifest = image_manifest(config=BLOB, layers=(), artifact_type="a/b", annotations={})
        world.manifests.setdefault("x", {})[str(manifest.digest)] = (manifest.media_type, manifest.raw)
        world.fail("GET /v2/x/manifests", drip=0.02)
        with pytest.raises(RegistryUnavailableError):
            client.manifest("x", manifest.digest)


def test_endless_manifest_is_cut_off(world: RegistrySimulator, client: Registry) -> None:
    client.put_manifest("x", _manifest(client), "v1")
    world.fail("GET .*/manifests/", alter=lambda data: b" " * (5 << 20))
    with pytest.raises(TooLargeError):
        client.manifest("x", "v1")


def test_manifest_that_is_none(world: RegistrySimulator, client: Registry) -> None:
    client.put_manifest("x", _manifest(client), "v1")
    world.fail("GET .*/manifests/", alter=lambda data: b"[" * 50_000)
    with pytest.raises(MalformedError, match="manifest v1"):
        client.manifest("x", "v1")


def test_blob_larger_than_allowed_is_not_asked_for(world: RegistrySimulator, client: Registry) -> None:
    with pytest.raises(TooLargeError):
        client.read_blob("x", BLOB, limit=100)
    assert world.requests == []


def test_mount_sends_nothing(world: RegistrySimulator, client: Registry) -> None:
    _store(world)
    assert client.put_blob("y", BlobSource.of_bytes(DATA), mount_from="x") == 0
    assert world.blobs["y"][str(BLOB.digest)] == DATA
    world.mounts = False
    assert client.put_blob("z", BlobSource.of_bytes(DATA), mount_from="x") == len(DATA)


def test_basic_credentials_are_given_when_asked(world: RegistrySimulator) -> None:
    credentials = Credentials("me", "secret")
    world.password = credentials.basic()
    with world.client(credentials=credentials) as client:
        client.ping()
    assert world.authorizations == ["", credentials.basic()]
    assert "secret" not in repr(credentials)


def test_missing_or_wrong_password_is_a_clear_error(world: RegistrySimulator, client: Registry) -> None:
    world.password = "Basic right"
    with pytest.raises(AccessDeniedError, match="wants a user name"):
        client.ping()
    with world.client(credentials=Credentials("me", "wrong")) as other, pytest.raises(AccessDeniedError, match="401"):
        other.ping()


def test_bearer_token_is_fetched_once(world: RegistrySimulator) -> None:
    world.bearer_realm = f"http://{world.address}/token"
    with world.client(credentials=Credentials("me", "secret")) as client:
        _put(client)
    assert sum("/token" in request for request in world.requests) == 1
    assert world.blobs["x"]


def test_password_does_not_go_to_another_token_host(world: RegistrySimulator) -> None:
    with simulated_registry() as thief:
        world.bearer_realm = f"http://localhost:{thief.address.rpartition(':')[2]}/token"
        with (
            world.client(credentials=Credentials("me", "secret")) as client,
            pytest.raises(InsecureAddressError, match="plain HTTP is for a registry on loopback alone"),
        ):
            client.ping()
        assert thief.requests == []


def test_credentials_do_not_follow_a_redirect(world: RegistrySimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = Credentials("me", "secret")
    world.password = credentials.basic()
    _store(world)
    with simulated_registry() as other, world.client(credentials=credentials) as client:
        monkeypatch.setenv("IMAGEKIT_REGISTRY_STORAGE_HOSTS", other.address)
        _store(other)
        assert client.has_blob("x", BLOB.digest)
        assert world.authorizations[-1] == credentials.basic()
        place = f"http://{other.address}/v2/x/blobs/{BLOB.digest}"
        world.fail("GET .*/blobs/", status=307, headers={"Location": place})
        assert b"".join(client.blob("x", BLOB)) == DATA
        assert other.authorizations == [""]


def test_redirects_end(world: RegistrySimulator, client: Registry) -> None:
    world.fail("GET", times=99, status=307, headers={"Location": "/v2/"})
    with pytest.raises(ImagekitError, match="redirects without an end"):
        client.ping()
    assert len(world.requests) < 10


def test_redirect_in_clear_to_another_machine_is_refused(world: RegistrySimulator, client: Registry) -> None:
    world.fail("GET", status=307, headers={"Location": "http://192.0.2.1/v2/"})
    with pytest.raises(InsecureAddressError, match=r"192\.0\.2\.1"):
        client.ping()


def test_plain_http_is_for_loopback_only() -> None:
    with pytest.raises(InsecureAddressError):
        Registry("registry.example.com", tls=False)
    assert Registry("registry.example.com").transport.place.scheme == "https"
    assert Registry("localhost:5000").transport.place.scheme == "http"
    assert Registry("127.0.0.1:5000", tls=True).transport.place.scheme == "https"


def test_tag_list_follows_pages_on_this_registry_only(world: RegistrySimulator, client: Registry) -> None:
    client.put_manifest("x", _manifest(client), "v1")
    assert client.tags("x") == ("v1",)
    world.fail("tags/list$", alter=lambda data: b"[]")
    with pytest.raises(MalformedError, match="tags of x"):
        client.tags("x")


def _manifest(client: Registry) -> Manifest:
    client.put_blob("x", BlobSource.of_bytes(EMPTY))
    empty = Descriptor.of(EMPTY, MEDIA_TYPE_EMPTY)
    return image_manifest(config=empty, layers=(), artifact_type="application/vnd.test")
