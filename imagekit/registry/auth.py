"""What a registry wants to see before it answers: Basic, or a Bearer token from its token server.

https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1, https://distribution.github.io/distribution/spec/auth/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from imagekit.base.errors import RefusedError
from imagekit.base.strictjson import read_object
from imagekit.registry.address import Lead, Place, Target, led_to, may_have_credentials
from imagekit.registry.credentials import Credentials
from imagekit.registry.errors import AccessDeniedError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
# A token by the letter of the RFC has no colon or slash; registries write addresses without quotes all the same.
_BARE = re.compile(r'[^\s,"]+')
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_BLANKS = re.compile(r"[ \t]*")
_BETWEEN = re.compile(r"[ \t,]*")
_LONGEST = 64 << 10
_USABLE = re.compile(r"[\x21-\x7e]+")
# Asks a token server: the target, headers, and a form to post (None: a GET).
FetchToken = Callable[[Target, Mapping[str, str], Mapping[str, str] | None], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One thing that a 401 asks for: a scheme (lower case) and its parameters (names in lower case)."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    token68: str = ""

    @property
    def realm(self) -> str:
        """For Bearer the address of the token server."""
        return self.parameters.get("realm", "")


def parse_challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """Read all ``WWW-Authenticate`` headers of an answer; what cannot be read ends its header, and is left out."""
    return tuple(challenge for header in headers for challenge in _Reader(header[:_LONGEST]).challenges())


class _Reader:
    """One header from left to right. A comma parts both challenges and parameters; what follows a word tells which."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def challenges(self) -> list[Challenge]:
        found: list[Challenge] = []
        self._take(_BETWEEN)
        while scheme := self._take(_TOKEN):
            self._take(_BLANKS)
            token68 = self._take(_TOKEN68)
            parameters = {} if token68 else self._parameters()
            found.append(Challenge(scheme=scheme.lower(), parameters=parameters, token68=token68))
            self._take(_BETWEEN)
        return found

    def _parameters(self) -> dict[str, str]:
        """Parameters until a word that is followed by no equals sign: that is the next scheme."""
        found: dict[str, str] = {}
        while True:
            begun = self._at
            name = self._take(_TOKEN)
            if not name or not self._take(_EQUALS):
                self._at = begun
                return found
            value = self._value()
            if value is None:
                self._at = len(self._text)
                return found
            found.setdefault(name.lower(), value)
            self._take(_BETWEEN)

    def _value(self) -> str | None:
        quoted = _QUOTED.match(self._text, self._at)
        if quoted is not None:
            self._at = quoted.end()
            return re.sub(r"\\(.)", r"\1", quoted[1])
        return self._take(_BARE) or None

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found[0]


def authorization(
    challenges: Iterable[Challenge], asked: Target, credentials: Credentials | None, fetch: FetchToken
) -> str:
    """The ``Authorization`` header that answers the best challenge: Bearer before Basic, others are unknown here.

    Raises `AccessDeniedError` when there are no credentials to give, or no scheme is known.
    """
    by_scheme: dict[str, Challenge] = {}
    for each in challenges:
        by_scheme.setdefault(each.scheme, each)
    bearer = by_scheme.get("bearer")
    if credentials is not None and credentials.registry_token and bearer is not None:
        return f"Bearer {credentials.registry_token}"
    if bearer is not None and bearer.realm:
        return "Bearer " + _token(bearer, asked, credentials, fetch)
    if "basic" in by_scheme:
        if credentials is None or not credentials.has_password:
            raise AccessDeniedError(f"{asked.place} wants a user name and a password", hint=_login_hint(asked))
        return credentials.basic()
    kinds = ", ".join(ascii(name[:40]) for name in by_scheme) or "none that can be read"
    raise AccessDeniedError(f"{asked.place} wants authentication of kind {kinds}; known here are Bearer and Basic")


def _token(challenge: Challenge, asked: Target, credentials: Credentials | None, fetch: FetchToken) -> str:
    realm = led_to(challenge.realm, asked, asked.place, Lead.TOKEN)
    if credentials is not None:
        _require_trusted(realm.place, asked)
    if credentials is not None and credentials.identity_token:
        answer = fetch(realm, {}, _refresh_form(challenge, credentials.identity_token))
    else:
        headers = {"Authorization": credentials.basic()} if credentials is not None else {}
        answer = fetch(_with_query(realm, challenge), headers, None)
    try:
        fields = read_object(answer, f"the token server {realm.place}")
    except RefusedError:
        fields = {}
    token = fields.get("token") or fields.get("access_token")
    if not isinstance(token, str) or not _USABLE.fullmatch(token):
        raise AccessDeniedError(f"the token server {realm.place} of {asked.place} gave no token")
    return token


def _with_query(realm: Target, challenge: Challenge) -> Target:
    query = [("service", challenge.parameters["service"])] if challenge.parameters.get("service") else []
    query += [("scope", scope) for scope in challenge.parameters.get("scope", "").split()]
    joint = "&" if "?" in realm.path else "?"
    return Target(realm.place, realm.path + (joint + urlencode(query) if query else ""))


def _refresh_form(challenge: Challenge, token: str) -> dict[str, str]:
    """https://distribution.github.io/distribution/spec/auth/oauth/, as docker sends it for an identity token."""
    asked = {name: challenge.parameters[name] for name in ("service", "scope") if challenge.parameters.get(name)}
    return {"grant_type": "refresh_token", "client_id": "imagekit", **asked, "refresh_token": token}


def _require_trusted(realm: Place, asked: Target) -> None:
    """Credentials go to the registry's own place, or to a token server that the user named."""
    if not may_have_credentials(realm, asked.place):
        raise AccessDeniedError(
            f"{asked.place} asks to send its password to another place, {realm}",
            hint=f"If that is right, set IMAGEKIT_REGISTRY_TOKEN_HOSTS={realm.authority}.",
        )


def _login_hint(asked: Target) -> str:
    return (
        f"Run `docker login {asked.place.authority}`, or set IMAGEKIT_REGISTRY_HOST, "
        "IMAGEKIT_REGISTRY_USERNAME and IMAGEKIT_REGISTRY_PASSWORD."
    )
