"""Proxies by HTTPS_PROXY and NO_PROXY as curl and Go programs read them (builds used them, publish did not)."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.registry.address import Place
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.errors import AccessDeniedError, RegistryUnavailableError
from imagekit.registry.proxy import Proxy, proxy_for
from imagekit.registry.timeouts import Timeouts
from tests.support.certificates import loopback_certificate
from tests.support.proxyserver import proxy_server
from tests.support.registry import QUICK, simulated_registry

HERE = Place("https", "registry.example", 443)
PROXY = Proxy(Place("http", "proxy.example", 3128))
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
NAME = "registry.test"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("http://proxy.example:3128", PROXY),
        ("proxy.example:3128", PROXY),
        ("http://Proxy.Example:3128/", PROXY),
        ("https://proxy.example", Proxy(Place("https", "proxy.example", 443))),
        ("http://proxy.example", Proxy(Place("http", "proxy.example", 80))),
        ("http://me:p%40ss@proxy.example:3128", Proxy(PROXY.place, "me:p@ss")),
        ("http://me:p@s/s#w?rd@proxy.example:3128", Proxy(PROXY.place, "me:p@s/s#w?rd")),
        ("http://CORP\\me:pw@proxy.example:3128/", Proxy(PROXY.place, "CORP\\me:pw")),
        ("HTTP://proxy.example:3128/proxy.pac", PROXY),
        ("http://proxy.example:", Proxy(Place("http", "proxy.example", 80))),
        ("http://[2001:db8::1]:3128", Proxy(Place("http", "2001:db8::1", 3128))),
    ],
)
def test_forms_of_a_proxy(said: str, found: Proxy) -> None:
    assert proxy_for(HERE, {"HTTPS_PROXY": said}) == found


@pytest.mark.parametrize(
    "said",
    [
        "socks5://proxy.example",
        "http://me:secret@proxy.example:99999",
        "http://",
        "a b",
        "http://me:secret",
        "me:secret://proxy.example",
        "http://me:secret@",
    ],
)
def test_what_is_no_proxy_is_named_without_its_password(said: str) -> None:
    with pytest.raises(ConfigError, match="HTTPS_PROXY names no proxy") as caught:
        proxy_for(HERE, {"HTTPS_PROXY": said})
    assert "secret" not in f"{caught.value}{caught.value.hint}"
    assert "p@ss" not in repr(Proxy(PROXY.place, "me:p@ss"))


@pytest.mark.parametrize(
    ("environ", "used"),
    [
        ({}, False),
        ({"https_proxy": "", "HTTPS_PROXY": ""}, False),
        ({"https_proxy": "proxy.example:3128", "HTTPS_PROXY": "other:1"}, True),
        ({"ALL_PROXY": "proxy.example:3128"}, True),
        ({"http_proxy": "proxy.example:3128", "HTTP_PROXY": "proxy.example:3128"}, False),
    ],
)
def test_which_variable_counts(environ: dict[str, str], used: bool) -> None:
    assert proxy_for(HERE, environ) == (PROXY if used else None)


@pytest.mark.parametrize(
    ("place", "excepted", "direct"),
    [
        (HERE, "*", True),
        (HERE, "registry.example", True),
        (HERE, "REGISTRY.EXAMPLE", True),
        (HERE, "example", True),
        (HERE, ".example", True),
        (HERE, "*.example", True),
        (HERE, ".registry.example", True),
        (HERE, "a.example, registry.example:443", True),
        (HERE, "a.example registry.example", True),
        (HERE, "registry.example:5000", False),
        (HERE, "istry.example", False),
        (HERE, "other.example", False),
        (HERE, "10.0.0.0/8", False),
        (HERE, "", False),
        (Place("https", "registry.example.", 443), "registry.example", True),
        (Place("https", "10.1.2.3", 443), "10.0.0.0/8", True),
        (Place("https", "10.1.2.3", 443), "10.1.2.3", True),
        (Place("https", "10.1.2.3", 5000), "10.1.2.3:443", False),
        (Place("https", "10.1.2.3", 443), "10.1.2.3/33", False),
        (Place("https", "10.1.2.3", 443), "2.3", False),
        (Place("https", "110.1.2.3", 443), "10.1.2.3", False),
        (Place("https", "2001:db8::1", 443), "2001:db8::/32", True),
        (Place("https", "2001:db8::1", 443), "2001:db8:0::1", True),
        (Place("https", "2001:db8::1", 443), "[2001:db8::1]:443", True),
        (Place("https", "2001:db8::1", 443), "[2001:db8::1]:444", False),
    ],
)
def test_exceptions(place: Place, excepted: str, direct: bool) -> None:
    environ = {"HTTPS_PROXY": "proxy.example:3128", "NO_PROXY": excepted}
    assert proxy_for(place, environ) == (None if direct else PROXY)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.5.5.5", "::1"])
def test_loopback_never_goes_through_a_proxy(host: str) -> None:
    assert proxy_for(Place("https", host, 5000), {"HTTPS_PROXY": "proxy.example:3128"}) is None


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    certificate, context = loopback_certificate(tmp_path, names=(NAME,))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return context


def test_a_push_through_a_proxy(authority: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host has an address on the other side of the proxy only; TLS goes through to the registry."""
    with simulated_registry(tls=authority) as world, proxy_server(int(world.address.rpartition(":")[2])) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        with Registry(NAME, timeouts=QUICK) as client:
            client.put_blob("x", BlobSource.of_bytes(b"data" * 1000))
        assert proxy.asked == [f"{NAME}:443"]
        assert world.received == 4000


def test_a_proxy_with_a_password(authority: object, monkeypatch: pytest.MonkeyPatch) -> None:
    login = "Basic " + base64.b64encode(b"me:p@ss").decode()
    with (
        simulated_registry(tls=authority) as world,
        proxy_server(int(world.address.rpartition(":")[2]), login=login) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@{proxy.address}")
        with Registry(NAME, timeouts=QUICK) as client:
            client.ping()
        assert world.requests == ["GET /v2/"]
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:wrong-one@{proxy.address}")
        with (
            Registry(NAME, timeouts=QUICK) as client,
            pytest.raises(AccessDeniedError, match=r"proxy .* password") as no,
        ):
            client.ping()
        assert "wrong-one" not in f"{no.value}{no.value.hint}"


def test_a_proxy_that_is_not_there_is_named(authority: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with (
        Registry(NAME, timeouts=QUICK) as client,
        pytest.raises(RegistryUnavailableError, match=r"refused.*HTTPS_PROXY"),
    ):
        client.ping()


def test_a_proxy_that_never_answers_is_given_up(authority: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy_server(1, silent=True) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        limits = Timeouts(attempts=1, connect=0.2, answer=0.2)
        with Registry(NAME, timeouts=limits) as client, pytest.raises(RegistryUnavailableError):
            client.ping()


def test_a_registry_that_is_excepted_is_asked_directly(authority: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy_server(1) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        monkeypatch.setenv("NO_PROXY", "test")
        with Registry(NAME, timeouts=QUICK) as client, pytest.raises(RegistryUnavailableError):
            client.ping()
        assert proxy.asked == []
