"""Limits of time (D28), secrets that come back (D39), and connections that are kept."""

from __future__ import annotations

import gc
import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from imagekit.base.errors import ImagekitError
from imagekit.oci.manifest import Descriptor
from imagekit.registry.answer import without
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.credentials import Credentials
from imagekit.registry.errors import AccessDeniedError, RegistryError, RegistryUnavailableError
from imagekit.registry.timeouts import Timeouts
from tests.support.bounds import bounded
from tests.support.registry import QUICK, RegistrySimulator, simulated_registry

pytestmark = pytest.mark.attack
DATA = bytes(range(256)) * 400
BLOB = Descriptor.of(DATA, "application/octet-stream")
ONCE = Timeouts(attempts=1, silence=5.0, answer=0.3, slowest=1 << 20)


def stored(world: RegistrySimulator) -> None:
    world.blobs["x"] = {str(BLOB.digest): DATA}


@pytest.mark.parametrize("tries", [1, 2])
def test_a_head_that_comes_drop_by_drop_is_given_up(world: RegistrySimulator, tries: int) -> None:
    """D28: each byte comes in time, the head as a whole does not."""
    world.fail("GET /v2/", drip_head=0.05, times=9)
    limits = Timeouts(attempts=tries, first_pause=0.001, silence=5.0, answer=0.3)
    with (
        bounded(seconds=10),
        Registry(world.address, timeouts=limits) as client,
        pytest.raises(RegistryUnavailableError, match="the head of the answer was not complete"),
    ):
        client.ping()


def test_a_head_after_an_upload_is_waited_for_from_its_end(world: RegistrySimulator) -> None:
    """Variant: the answer to a piece of a blob; the time of sending does not count."""
    world.fail("PATCH", drip_head=0.05, times=9)
    with Registry(world.address, timeouts=ONCE) as client, pytest.raises(RegistryUnavailableError, match="head of the"):
        client.put_blob("x", BlobSource.of_bytes(DATA))


def test_a_blob_that_comes_drop_by_drop_is_given_up(world: RegistrySimulator) -> None:
    """D28: no byte is late, and the blob of 100 KiB would take 17 minutes."""
    stored(world)
    world.fail("GET .*/blobs/", drip=0.01, times=9)
    with (
        bounded(seconds=10),
        Registry(world.address, timeouts=ONCE) as client,
        pytest.raises(RegistryUnavailableError, match=f"blob {BLOB.digest} .* comes too slowly"),
    ):
        client.read_blob("x", BLOB, limit=1 << 20)


def test_what_the_receiver_of_a_blob_takes_is_not_the_registrys(world: RegistrySimulator) -> None:
    """Variant: a receiver that is slow, as when the blob is pushed elsewhere, is no slow registry."""
    stored(world)
    limits = Timeouts(attempts=1, answer=0.2, slowest=1 << 30)
    with Registry(world.address, timeouts=limits) as client:
        waits = threading.Event()
        size = 0
        for chunk in client.blob("x", BLOB):
            waits.wait(0.3)
            size += len(chunk)
        assert size == len(DATA)


def test_a_server_that_takes_connections_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with Registry(address, timeouts=ONCE) as client, pytest.raises(RegistryUnavailableError, match="head of the"):
            client.ping()


def test_a_tls_handshake_that_never_comes_is_given_up() -> None:
    """Variant: before the first byte of HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        limits = Timeouts(attempts=1, connect=0.2, answer=0.2)
        with (
            bounded(seconds=10),
            Registry(address, tls=True, timeouts=limits) as client,
            pytest.raises(RegistryUnavailableError, match="timed out"),
        ):
            client.ping()


def test_a_head_without_an_end_is_cut_off(world: RegistrySimulator, client: Registry) -> None:
    """Variant: fast, but endless."""
    world.fail("GET /v2/", times=9, headers={f"X-{number}": "a" * 500 for number in range(300)}, status=200)
    with bounded(seconds=10), pytest.raises(RegistryUnavailableError, match="more than 100 headers"):
        client.ping()


ECHOED = Credentials("me", "correct horse/battery")


@pytest.mark.parametrize(
    "echo",
    [
        ECHOED.basic(),
        f"you sent Authorization: {ECHOED.basic()}",
        ECHOED.basic().removeprefix("Basic "),
        ECHOED.password,
        "correct%20horse%2Fbattery",
        "Bearer eyJhbGciOiJub25lIn0.e30.x",
        "authorization=bearer%20eyJhbGciOiJub25lIn0",
    ],
)
def test_a_secret_that_comes_back_is_not_shown(
    world: RegistrySimulator, echo: str, caplog: pytest.LogCaptureFixture
) -> None:
    """D39: the registry's error page echoes what was sent to it."""
    caplog.set_level(logging.DEBUG)
    world.password = ECHOED.basic()
    world.fail("GET .*/tags/", status=418, times=9, alter=lambda _: f'{{"errors":["{echo}"]}}'.encode())
    with Registry(world.address, credentials=ECHOED, timeouts=QUICK) as client:
        client.ping()
        world.fail("HEAD", status=403, times=2)  # once without and once with the password
        with pytest.raises(AccessDeniedError):
            client.has_blob("x", BLOB.digest)
        world.fail("GET .*/manifests/", status=418, alter=lambda _: f"no: {echo}".encode())
        with pytest.raises(RegistryError) as caught:
            client.manifest("x", "v1")
    shown = f"{caught.value}{caught.value.hint}{caplog.text}"
    for secret in ("horse", ECHOED.basic().removeprefix("Basic "), "eyJhbGciOiJub25lIn0"):
        assert secret not in shown
    assert "no: " in shown


def test_a_token_that_comes_back_is_not_shown(world: RegistrySimulator) -> None:
    """Variant: what the token server gave."""
    world.bearer_realm = f"http://{world.address}/token"
    with Registry(world.address, timeouts=QUICK) as client:
        client.ping()
        world.fail("GET .*/manifests/", status=418, alter=lambda _: b"no rights with granted at all")
        world.bearer_realm = None
        with pytest.raises(RegistryError, match=r"no rights with \[not shown\] at all"):
            client.manifest("", "v1")


def put(client: Registry) -> None:
    client.put_blob("x", BlobSource.of_bytes(DATA))


def get(client: Registry) -> None:
    client.read_blob("x", BLOB, limit=1 << 20)


@pytest.mark.parametrize(
    "how", [{"status": 403}, {"status": 503, "times": 9}, {"status": 418}, {"reset": True, "times": 9}]
)
@pytest.mark.parametrize("asked", ["GET .*/blobs/", "PATCH"])
def test_the_signature_of_an_address_is_not_shown(
    world: RegistrySimulator, monkeypatch: pytest.MonkeyPatch, how: dict[str, int], asked: str
) -> None:
    """Variant of D39: storage that is asked by a signed address, and quotes it in its error page."""
    signature = "AKIAIOSFODNN7%2FEXAMPLE"
    with simulated_registry() as storage, Registry(world.address, timeouts=QUICK) as client:
        monkeypatch.setenv("IMAGEKIT_REGISTRY_STORAGE_HOSTS", storage.address)
        place = f"http://{storage.address}/v2/x/blobs/uploads/{BLOB.digest}?X-Amz-Signature={signature}&n=1"
        page = b"<CanonicalQuery>X-Amz-Signature=AKIAIOSFODNN7%2FEXAMPLE&n=1, AKIAIOSFODNN7/EXAMPLE</CanonicalQuery>"
        storage.fail(".*", alter=lambda _: page, **how)
        world.fail("GET .*/blobs/", status=307, headers={"Location": place}, times=9)
        world.fail("POST", status=202, headers={"Location": place}, times=9)
        work = put if asked == "PATCH" else get
        with pytest.raises(ImagekitError) as caught:
            work(client)
    shown = f"{caught.value}{caught.value.hint}{caught.value.__cause__}"
    assert world.address in shown
    assert "AKIAIOSFODNN7" not in shown


def test_words_are_left_alone() -> None:
    assert without("Basic authentication, bearer of news", ("abc", "")) == "Basic authentication, bearer of news"
    assert without("the tag abc is immutable", ("abc", "")) == "the tag abc is immutable"


def test_connections_are_kept_and_shared_between_threads() -> None:
    """Pooling: eight threads, some hundred requests, at most eight connections."""
    with simulated_registry() as world, world.client() as client:
        with ThreadPoolExecutor(8) as pool:
            assert not any(pool.map(lambda _: client.has_blob("x", BLOB.digest), range(200)))
        assert len(world.requests) == 200
        assert world.connections <= 8
    gc.collect()


def test_a_connection_with_an_answer_half_read_is_not_used_again(world: RegistrySimulator, client: Registry) -> None:
    stored(world)
    chunks = client.blob("x", BLOB)
    next(chunks)
    with suppress(AttributeError):
        chunks.close()  # type: ignore[attr-defined]
    assert b"".join(client.blob("x", BLOB)) == DATA


def test_of_a_name_that_does_not_resolve_the_advice_is_about_the_name() -> None:
    limits = Timeouts(attempts=1, silence=5.0, answer=0.3)
    with Registry("registry.invalid", timeouts=limits) as client, pytest.raises(RegistryUnavailableError) as caught:
        client.ping()
    assert "`registry:` in imagekit.yaml" in caught.value.hint
    assert "getent hosts registry.invalid" in caught.value.hint
