"""WWW-Authenticate by RFC 9110 11.6.1 (W11), and tokens of every kind (W10)."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from imagekit.registry.address import Place, Target
from imagekit.registry.auth import Challenge, authorization, parse_challenges
from imagekit.registry.credentials import Credentials
from imagekit.registry.errors import AccessDeniedError
from tests.support.registry import RegistrySimulator

pytestmark = pytest.mark.attack
HERE = Target(Place("https", "r.example", 443), "/v2/")
REALM = "https://r.example/token"
BEARER = f'Bearer realm="{REALM}",service="s",scope="repository:x:pull,push"'
BASIC = 'Basic realm="r"'


def bearer(**parameters: str) -> Challenge:
    return Challenge(scheme="bearer", parameters=parameters)


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([BEARER], [bearer(realm=REALM, service="s", scope="repository:x:pull,push")]),
        (["Negotiate", BASIC], [Challenge(scheme="negotiate"), Challenge(scheme="basic", parameters={"realm": "r"})]),
        (
            [f"Negotiate, {BASIC}, Bearer realm=a , service = b"],
            [
                Challenge(scheme="negotiate"),
                Challenge(scheme="basic", parameters={"realm": "r"}),
                bearer(realm="a", service="b"),
            ],
        ),
        (
            ['NTLM TlRMTVNTUAAB==, bEARER REALM="a,b", Service="c"'],
            [Challenge(scheme="ntlm", token68="TlRMTVNTUAAB=="), bearer(realm="a,b", service="c")],
        ),
        (["Bearer realm=https://r.example/token,service=s"], [bearer(realm=REALM, service="s")]),
        ([r'Bearer realm="a\"b\\c"'], [bearer(realm='a"b\\c')]),
        (['Bearer realm="a", realm="b"'], [bearer(realm="a")]),
        ([", ,Basic realm=r,,"], [Challenge(scheme="basic", parameters={"realm": "r"})]),
        (["Basic"], [Challenge(scheme="basic")]),
        (['Bearer realm="a" service="b"'], [bearer(realm="a", service="b")]),
        (['Bearer realm="never closed', BASIC], [bearer(), Challenge(scheme="basic", parameters={"realm": "r"})]),
        (["", '"', "=", '="x"'], []),
    ],
)
def test_challenges(headers: list[str], found: list[Challenge]) -> None:
    """W11: several headers, several challenges in one, token68, unquoted parameters, any letter case."""
    assert list(parse_challenges(headers)) == found


def test_a_header_made_to_take_long_does_not() -> None:
    """Variant: what a hostile registry may send; the whole is linear."""
    for text in ("a " * 50_000, 'Bearer a="' + '\\"' * 50_000, "," * 100_000, "a=" * 50_000, "Bearer " + "=" * 60_000):
        parse_challenges([text])


def asked(headers: list[str], credentials: Credentials | None) -> tuple[str, list[tuple[str, str, dict[str, str]]]]:
    """The header that answers, and what the token server was asked: path, Authorization, form."""
    seen: list[tuple[str, str, dict[str, str]]] = []

    def fetch(target: Target, sent: object, form: object) -> bytes:
        assert isinstance(sent, dict)
        seen.append((target.path, sent.get("Authorization", ""), dict(form) if isinstance(form, dict) else {}))
        return json.dumps({"access_token": "granted"}).encode()

    return authorization(parse_challenges(headers), HERE, credentials, fetch), seen


@pytest.mark.parametrize("headers", [[BASIC, BEARER], [BEARER, BASIC], [f"{BASIC}, {BEARER}"], ["Negotiate", BEARER]])
def test_the_best_known_challenge_is_taken(headers: list[str]) -> None:
    header, seen = asked(headers, Credentials("me", "pw"))
    path = "/token?service=s&scope=repository%3Ax%3Apull%2Cpush"
    assert (header, seen) == ("Bearer granted", [(path, Credentials("me", "pw").basic(), {})])


def test_basic_beside_what_is_unknown() -> None:
    assert asked(["Negotiate", BASIC], Credentials("me", "pw"))[0].startswith("Basic ")


def test_kinds_that_are_unknown_are_named() -> None:
    with pytest.raises(AccessDeniedError, match="'negotiate', 'ntlm'; known here are Bearer and Basic"):
        asked(["Negotiate, NTLM"], Credentials("me", "pw"))
    with pytest.raises(AccessDeniedError, match="none that can be read"):
        asked([], None)


def test_an_identity_token_is_exchanged() -> None:
    """W10: POST grant_type=refresh_token, then Bearer; the token is in the body, never in the address."""
    header, seen = asked([BEARER], Credentials(identity_token="refresh"))
    form = {"service": "s", "scope": "repository:x:pull,push", "client_id": "imagekit"}
    assert (header, seen) == (
        "Bearer granted",
        [("/token", "", {"grant_type": "refresh_token", "refresh_token": "refresh", **form})],
    )


def test_a_registry_token_is_given_as_it_is() -> None:
    assert asked([BEARER], Credentials(registry_token="given")) == ("Bearer given", [])


@pytest.mark.parametrize("credentials", [Credentials(identity_token="t"), Credentials(registry_token="t"), None])
def test_a_token_is_no_password(credentials: Credentials | None) -> None:
    """W10: it was sent as Basic with an empty password, and refused with a hint that does not help."""
    with pytest.raises(AccessDeniedError, match="wants a user name and a password"):
        asked([BASIC], credentials)


@pytest.mark.parametrize("realm", ["https://r.example:8443/token", "https://auth.example/token"])
def test_a_password_stays_with_the_registry(realm: str) -> None:
    """D19: the host's other ports are other places, with TLS too, and nothing was asked there."""
    with pytest.raises(AccessDeniedError, match="asks to send its password to another place") as caught:
        asked([f'Bearer realm="{realm}"'], Credentials("me", "pw"))
    assert "IMAGEKIT_REGISTRY_TOKEN_HOSTS=" in caught.value.hint
    assert asked([f'Bearer realm="{realm}"'], None)[1] == [("/token", "", {})], "without a password it may be asked"


def test_an_identity_token_stays_with_the_registry() -> None:
    with pytest.raises(AccessDeniedError, match="another place"):
        asked(['Bearer realm="https://auth.example/token"'], Credentials(identity_token="refresh"))
    assert asked(['Bearer realm="https://auth.example/token"'], None)[1] == [("/token", "", {})]


def test_an_identity_token_through_a_whole_exchange(world: RegistrySimulator) -> None:
    """W10, through the client."""
    world.bearer_realm = f"http://{world.address}/token"
    with world.client(credentials=Credentials(identity_token="ref/resh+")) as client:
        client.ping()
    assert world.requests == ["GET /v2/", "POST /token", "GET /v2/"]
    assert parse_qs(world.forms[0].decode())["refresh_token"] == ["ref/resh+"]
    assert world.authorizations == ["", "", "Bearer granted"]
