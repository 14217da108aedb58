"""What a registry wants to see before it answers: Basic, or a Bearer token from its token server."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from imagekit.registry.address import Target, target_of
from imagekit.registry.credentials import Credentials
from imagekit.registry.errors import AccessDeniedError

# https://distribution.github.io/distribution/spec/auth/token/
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What a 401 asks for."""

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""


def parse_challenge(header: str) -> Challenge:
    """Read a ``WWW-Authenticate`` header; unknown schemes come back under their own name."""
    scheme, _, rest = header.strip().partition(" ")
    fields = dict(_CHALLENGE.findall(rest))
    return Challenge(
        scheme=scheme.lower(),
        realm=fields.get("realm", ""),
        service=fields.get("service", ""),
        scope=fields.get("scope", ""),
    )


def authorization(
    challenge: Challenge,
    asked: Target,
    credentials: Credentials | None,
    fetch: Callable[[Target, dict[str, str]], bytes],
) -> str:
    """The ``Authorization`` header that answers a challenge; `fetch` gets a token server's answer.

    Raises `AccessDeniedError` when there are no credentials to give, or the scheme is unknown.
    """
    if challenge.scheme == "basic":
        if credentials is None:
            raise AccessDeniedError(f"{asked.place} wants a user name and a password", hint=_login_hint(asked))
        return credentials.basic()
    if challenge.scheme != "bearer" or not challenge.realm:
        raise AccessDeniedError(f"{asked.place} wants authentication of kind {challenge.scheme[:40]!r}, unknown here")
    return "Bearer " + _token(challenge, asked, credentials, fetch)


def _token(
    challenge: Challenge,
    asked: Target,
    credentials: Credentials | None,
    fetch: Callable[[Target, dict[str, str]], bytes],
) -> str:
    realm = target_of(challenge.realm, asked)
    query = [("service", challenge.service)] if challenge.service else []
    query += [("scope", scope) for scope in challenge.scope.split()]
    joint = "&" if "?" in realm.path else "?"
    headers = {}
    if credentials is not None:
        _demand_trusted(realm, asked)
        headers["Authorization"] = credentials.basic()
    answer = fetch(Target(realm.place, realm.path + joint + urlencode(query)), headers)
    try:
        fields = json.loads(answer)
        token = fields.get("token") or fields["access_token"]
    except (ValueError, KeyError, AttributeError):
        token = None
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise AccessDeniedError(f"the token server {realm.place} of {asked.place} gave no token")
    return token


def _demand_trusted(realm: Target, asked: Target) -> None:
    """Credentials go to the registry's own host, or to a token host that the user named."""
    named = os.environ.get("IMAGEKIT_REGISTRY_TOKEN_HOSTS", "").split(",")
    if realm.place.host != asked.place.host and realm.place.host not in [name.strip() for name in named]:
        raise AccessDeniedError(
            f"{asked.place} asks to send its password to another host, {realm.place.host}",
            hint=f"If that host is right, set IMAGEKIT_REGISTRY_TOKEN_HOSTS={realm.place.host}.",
        )


def _login_hint(asked: Target) -> str:
    return (
        f"Run `docker login {asked.place.host}:{asked.place.port}`, or set IMAGEKIT_REGISTRY_HOST, "
        "IMAGEKIT_REGISTRY_USERNAME and IMAGEKIT_REGISTRY_PASSWORD."
    )
