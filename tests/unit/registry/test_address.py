"""Where a registry may send us (D18, D19), and what is no address (D20)."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.oci.reference import Reference, split_host
from imagekit.registry.address import Lead, Place, Target, is_loopback, led_to, may_have_credentials, registry_place
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.credentials import Credentials
from imagekit.registry.errors import AccessDeniedError, InsecureAddressError, RegistryError
from tests.support.certificates import loopback_certificate
from tests.support.registry import QUICK, RegistrySimulator, simulated_registry

pytestmark = pytest.mark.attack

NO_ADDRESSES = [
    "r.example:99999",
    "r.example:65536",
    "r.example:0",
    "r.example:",
    "r.example:-1",
    "r.example:\u0664\u0664\u0663",  # digits, for str.isdigit
    "r.example:\uff14\uff14\uff13",
    "[::1",
    "::1",
    "[::1]5000",
    "[fe80::1%eth0]",
    "[127.0.0.1]",
    "r.example:80:80",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "127.0.0.01",
    "256.1.1.1",
    "r..example",
    "-r.example",
    "r.example\\@evil.example",
    "me@r.example",
    "r.exämple",
    "r example",
    "",
]
HOME = Place("https", "r.example", 443)
LOCAL = Place("http", "127.0.0.1", 5000)
HIDDEN = "that is an address of this machine"


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address_on_the_command_line(text: str) -> None:
    """D20: an error of the family that names the text, no traceback."""
    with pytest.raises(ConfigError, match="not a host, or a host and a port"):
        split_host(text)
    with pytest.raises(ConfigError):
        registry_place(text)
    with pytest.raises(ConfigError):
        Registry(text)
    with pytest.raises(ConfigError):
        Reference.parse(f"{text}/x")


@pytest.mark.parametrize("lead", list(Lead))
@pytest.mark.parametrize("text", NO_ADDRESSES[:-1])
def test_what_is_no_address_in_an_answer(text: str, lead: Lead) -> None:
    """D20: Location, Link and realm."""
    with pytest.raises((RegistryError, InsecureAddressError), match=r"r\.example"):
        led_to(f"https://{text}/x", Target(HOME, "/v2/"), HOME, lead, {})


@pytest.mark.parametrize("text", ["ftp://r.example/", "file:///etc/passwd", "/a\\b", "/a b", "/a\r\nX: y", ""])
def test_what_is_no_http_address(text: str) -> None:
    with pytest.raises(RegistryError, match="not an HTTP address"):
        led_to(text, Target(HOME, "/v2/"), HOME, Lead.REDIRECT, {})


def test_a_signed_address_is_not_shown_with_its_signature() -> None:
    with pytest.raises(RegistryError) as caught:
        led_to("https://[s3/x?X-Amz-Signature=0123456789", Target(HOME, "/v2/"), HOME, Lead.REDIRECT, {})
    assert "0123456789" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "there"),
    [
        ("/v2/x?state=a", "https://r.example:443/v2/x?state=a"),
        ("../y", "https://r.example:443/v2/y"),
        ("?n=2", "https://r.example:443/v2/x/?n=2"),
        ("//r.example/x", "https://r.example:443/x"),
        ("HTTPS://R.EXAMPLE:443/x#part", "https://r.example:443/x"),
        ("https://[2001:db8:0:0::1]:5000/x", "https://[2001:db8::1]:5000/x"),
    ],
)
def test_relative_and_absolute_addresses(said: str, there: str) -> None:
    environ = {"IMAGEKIT_REGISTRY_STORAGE_HOSTS": "[2001:db8::1]:5000"}
    found = led_to(said, Target(HOME, "/v2/x/"), HOME, Lead.UPLOAD, environ)
    assert f"{found.place}{found.path}" == there


@pytest.mark.parametrize(
    ("home", "said", "problem"),
    [
        (HOME, "http://r.example/x", "from TLS to plain HTTP"),
        (HOME, "http://127.0.0.1:5000/x", "from TLS to plain HTTP"),
        (LOCAL, "http://127.0.0.1:5001/x", "plain HTTP is for a registry on loopback alone"),
        (LOCAL, "http://localhost:5000/x", "plain HTTP is for a registry on loopback alone"),
        (LOCAL, "http://storage.example/x", "plain HTTP is for a registry on loopback alone"),
        (LOCAL, "https://127.0.0.1:5000/x", HIDDEN),
        (HOME, "https://127.0.0.1/x", HIDDEN),
        (HOME, "https://localhost/x", HIDDEN),
        (HOME, "https://[::1]/x", HIDDEN),
        (HOME, "https://[::ffff:127.0.0.1]/x", HIDDEN),
        (HOME, "https://0.0.0.0/x", HIDDEN),
        (HOME, "https://10.1.2.3/x", HIDDEN),
        (HOME, "https://169.254.169.254/latest/meta-data", HIDDEN),
        (HOME, "https://[fd00:ec2::254]/x", HIDDEN),
        (HOME, "https://224.0.0.1/x", HIDDEN),
        (Place("https", "10.0.0.1", 443), "https://10.0.0.1:8443/x", HIDDEN),
    ],
)
@pytest.mark.parametrize("lead", [Lead.REDIRECT, Lead.UPLOAD, Lead.TOKEN])
def test_where_a_registry_may_not_send_us(home: Place, said: str, problem: str, lead: Lead) -> None:
    """D18 and its kind: one rule for redirects, uploads and token servers."""
    with pytest.raises(InsecureAddressError, match=problem):
        led_to(said, Target(home, "/v2/"), home, lead, {})


@pytest.mark.parametrize(
    ("home", "said"),
    [
        (HOME, "https://storage.example/x"),
        (HOME, "https://r.example:8443/x"),
        (HOME, "https://8.8.8.8/x"),
        (LOCAL, "http://127.0.0.1:5000/x"),
        (LOCAL, "https://storage.example/x"),
    ],
)
def test_where_a_registry_may_send_us(home: Place, said: str) -> None:
    for lead in (Lead.REDIRECT, Lead.UPLOAD, Lead.TOKEN):
        assert led_to(said, Target(home, "/v2/"), home, lead, {}).path == "/x"


def test_a_redirect_does_not_come_back_in_clear() -> None:
    """Variant: from a registry in clear to TLS and from there back."""
    with pytest.raises(InsecureAddressError, match="from TLS to plain HTTP"):
        led_to("http://127.0.0.1:5000/x", Target(Place("https", "s.example", 443), "/"), LOCAL, Lead.REDIRECT, {})


@pytest.mark.parametrize("said", ["https://r.example:8443/x", "https://other.example/x", "http://r.example/x"])
def test_a_listing_goes_on_at_the_registry_alone(said: str) -> None:
    with pytest.raises(InsecureAddressError):
        led_to(said, Target(HOME, "/v2/"), HOME, Lead.PAGE, {"IMAGEKIT_REGISTRY_STORAGE_HOSTS": "other.example"})


def test_places_that_the_user_names() -> None:
    environ = {
        "IMAGEKIT_REGISTRY_STORAGE_HOSTS": " 10.1.2.3:9000, 127.0.0.1:5001",
        "IMAGEKIT_REGISTRY_TOKEN_HOSTS": "auth.example, auth.example:8443",
    }
    base = Target(LOCAL, "/v2/")
    assert led_to("https://10.1.2.3:9000/x", base, LOCAL, Lead.REDIRECT, environ)
    assert led_to("http://127.0.0.1:5001/x", base, LOCAL, Lead.UPLOAD, environ)
    for said, lead in [
        ("https://10.1.2.3/x", Lead.REDIRECT),  # another port
        ("http://10.1.2.3:9000/x", Lead.REDIRECT),  # in clear
        ("http://127.0.0.1:5001/x", Lead.TOKEN),  # for another purpose
    ]:
        with pytest.raises(InsecureAddressError):
            led_to(said, base, LOCAL, lead, environ)
    assert may_have_credentials(Place("https", "auth.example", 443), HOME, environ)
    assert may_have_credentials(Place("https", "auth.example", 8443), HOME, environ)
    assert not may_have_credentials(Place("https", "auth.example", 9000), HOME, environ)
    assert not may_have_credentials(Place("http", "auth.example", 443), HOME, environ)
    with pytest.raises(ConfigError, match="not a host"):
        may_have_credentials(Place("https", "a.example", 443), HOME, {"IMAGEKIT_REGISTRY_TOKEN_HOSTS": "https://a"})


@pytest.mark.parametrize(
    ("host", "is_one"),
    [("localhost", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True), ("localhost.evil", False)],
)
def test_loopback_by_its_very_name(host: str, is_one: bool) -> None:
    assert is_loopback(host) is is_one


def test_a_tls_registry_cannot_move_an_upload_to_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """D18: the Location of an upload led to any HTTP service of this machine."""
    certificate, context = loopback_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with simulated_registry() as service, simulated_registry(tls=context) as world:
        place = f"http://{service.address}/v2/x/blobs/uploads/1"
        world.fail("POST", status=202, headers={"Location": place})
        with world.client(tls=True) as client, pytest.raises(InsecureAddressError, match="TLS to plain HTTP"):
            client.put_blob("x", BlobSource.of_bytes(b"secret"))
        assert service.requests == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_password_does_not_go_to_another_port_of_the_host(world: RegistrySimulator, scheme: str) -> None:
    """D19: the token server at another port of the registry's host got it, in clear."""
    with simulated_registry() as thief:
        world.bearer_realm = f"{scheme}://{thief.address}/token"
        with (
            Registry(world.address, credentials=Credentials("me", "secret"), timeouts=QUICK) as client,
            pytest.raises((InsecureAddressError, AccessDeniedError), match=thief.address),
        ):
            client.ping()
        assert thief.requests == []


@pytest.mark.parametrize("said", ["http://[::1", "http://127.0.0.1:99999/x", "http://127.0.0.1:\uff14\uff14/x"])
@pytest.mark.parametrize("header", ["Location", "Link", "WWW-Authenticate"])
def test_a_broken_address_of_a_live_registry_is_an_error_with_its_name(
    world: RegistrySimulator, client: Registry, header: str, said: str
) -> None:
    """D20, through the client: no ValueError comes out of it."""
    raw = said.encode().decode("latin-1")
    match header:
        case "Location":
            world.fail("GET", status=307, headers={"Location": raw})
        case "Link":
            world.link = f'<{raw}>; rel="next"'
        case _:
            world.fail("GET", status=401, headers={"WWW-Authenticate": f'Bearer realm="{raw}"'})
    with pytest.raises((RegistryError, InsecureAddressError), match=world.address):
        client.tags("x")
