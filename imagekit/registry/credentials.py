"""Whose name and password a registry gets: from the environment or the files of docker and podman, per host.

The forms of config.json: https://docs.docker.com/reference/cli/docker/login/ and docker's `cli/config/types`
(`auths` with auth, username and password, identitytoken, registrytoken; `credHelpers`; `credsStore`). A key with a
path (`HOST/NAMESPACE`, containers-auth.json(5)) counts, for what lies below it, before that of the host does. Why
`docker.auth` of the Docker SDK does not do this: docs/adr/0013-registry-transport.md.
"""

from __future__ import annotations

import base64
import binascii
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imagekit.base import process
from imagekit.base.errors import ConfigError, RefusedError
from imagekit.base.strictjson import read_object
from imagekit.registry.authfiles import auth_files

logger = logging.getLogger(__name__)
_HELPER_SECONDS = 20.0
# What a helper names as user when its secret is an identity token (docker's `cli/config/credentials`).
_TOKEN_USER = "<token>"
# All names of Docker Hub, and the one key under which `docker login` keeps it.
_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_HUB_KEY = "https://index.docker.io/v1/"
_API = re.compile(r"/*(v[12]/*)?")  # a path that is no namespace


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name with a password, or a token of one of two kinds; never shown in a representation.

    `identity_token` is given to the token server for a short-lived one; `registry_token` goes to the registry itself.
    """

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False, kw_only=True)
    registry_token: str = field(default="", repr=False, kw_only=True)

    @property
    def has_password(self) -> bool:
        """Whether there is something to send by the scheme Basic."""
        return bool(self.password) or not (self.identity_token or self.registry_token)

    def basic(self) -> str:
        """The value of an ``Authorization`` header of scheme Basic."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    def secrets(self) -> tuple[str, ...]:
        """What must not be shown, in every form in which it is sent."""
        if not self.has_password or not (self.username or self.password):
            return tuple(filter(None, (self.identity_token, self.registry_token)))
        sent = self.basic().partition(" ")[2]
        return tuple(filter(None, (sent, self.password, self.identity_token, self.registry_token)))


def find_credentials(host: str, environ: Mapping[str, str] = os.environ, *, repository: str = "") -> Credentials | None:
    """Look for the credentials of exactly this host (`HOST[:PORT]`), for one of its repositories; None is anonymous.

    First ``IMAGEKIT_REGISTRY_USERNAME`` and ``_PASSWORD`` when ``IMAGEKIT_REGISTRY_HOST`` names the host, then of each
    file of docker and podman its helper, then its entry, which counts too when the helper is missing or has nothing.
    Raises `ConfigError` for a file or an entry of this host that cannot be read.
    """
    if environ.get("IMAGEKIT_REGISTRY_HOST") == host:
        return Credentials(environ.get("IMAGEKIT_REGISTRY_USERNAME", ""), environ.get("IMAGEKIT_REGISTRY_PASSWORD", ""))
    for config in auth_files(environ):
        helpers = [value for _, value in _entries_of(_section(config, "credHelpers"), host, repository)]
        helper = helpers[0] if helpers else config.get("credsStore")
        found = _from_helper(helper, host, environ) if isinstance(helper, str) and helper else None
        found = found or _from_entries(_section(config, "auths"), host, repository)
        if found is not None:
            return found
    return None


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = config.get(name)
    return value if isinstance(value, dict) else {}


def _host_of(key: str) -> str:
    """A key reduced to its host, as docker does it: without scheme, path and the port that TLS has anyway."""
    host = key.strip().partition("://")[2] or key.strip()
    host = host.partition("/")[0].lower().removesuffix(":443")
    return "index.docker.io" if host in _HUB else host


def _entries_of(entries: Mapping[str, Any], host: str, repository: str) -> list[tuple[str, Any]]:
    """The entries of a host, the best first: the longest namespace, its very name, with a scheme, with another path."""
    wanted = _host_of(host)

    def rank(entry: tuple[str, Any]) -> tuple[int, bool, int, int, str]:
        key = entry[0]
        return -_namespace(key, repository), key != host, key.strip("/").count("/"), len(key), key

    return sorted(((key, value) for key, value in entries.items() if _host_of(key) == wanted), key=rank)


def _namespace(key: str, repository: str) -> int:
    """How many characters of a repository's name are the path of a key; 0 when it is another's, or has none."""
    path = (key.strip().partition("://")[2] or key.strip()).partition("/")[2].strip("/")
    return len(path) if path and not _API.fullmatch(path) and f"{repository}/".startswith(f"{path}/") else 0


def _from_entries(entries: Mapping[str, Any], host: str, repository: str) -> Credentials | None:
    for _, entry in _entries_of(entries, host, repository):
        found = _from_entry(entry, host) if isinstance(entry, dict) else None
        if found is not None:
            return found
    return None


def _from_entry(entry: Mapping[str, Any], host: str) -> Credentials | None:
    """An entry of `auths`; None for an empty one, which `docker login` leaves beside a credential store."""
    texts = {
        name: entry[name]
        for name in ("auth", "username", "password", "identitytoken", "registrytoken")
        if isinstance(entry.get(name), str) and entry[name].strip()
    }
    if "registrytoken" in texts:
        return Credentials(registry_token=texts["registrytoken"])
    if "identitytoken" in texts:
        return Credentials(identity_token=texts["identitytoken"])
    if "auth" in texts:
        return _decoded(texts["auth"], host)
    if "username" in texts and "password" in texts:
        return Credentials(texts["username"], texts["password"])
    return None


def _decoded(text: str, host: str) -> Credentials:
    try:
        decoded = base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        decoded = ""
    username, colon, password = decoded.partition(":")
    if not colon:
        raise ConfigError(
            f"docker's config.json: the entry of {host} is not base64 of user:password",
            hint=f"`docker login {host}` writes it anew.",
        )
    return Credentials(username, password.rstrip("\0"))  # old versions of docker padded it


def _from_helper(helper: str, host: str, environ: Mapping[str, str]) -> Credentials | None:
    """Ask a docker credential helper; its protocol: host on stdin, JSON on stdout, status 1 for "not found".

    It gets the whole environment, as from docker: that of Amazon finds its own credentials in AWS_ variables.
    """
    program = f"docker-credential-{helper}"
    asked = _HUB_KEY if host in _HUB else host
    try:
        answer = process.run(
            [program, "get"], stdin=asked.encode(), timeout=_HELPER_SECONDS, ok=range(256), env=environ
        )
    except process.ProgramMissingError:
        logger.warning("docker's config.json names %s, which is not installed; its own entries are looked at", program)
        return None
    except process.CannotRunError as error:
        logger.warning("docker's config.json names a helper: %s; its own entries are looked at", error)
        return None
    except process.ProcessTimeoutError:
        raise ConfigError(
            f"{program} did not say within {_HELPER_SECONDS:.0f} s what it has for {host}; it was stopped",
            hint=f"Does it wait for somebody to unlock a keyring? Try `echo {host} | {program} get` by hand.",
        ) from None
    if answer.returncode != 0:
        if "credentials not found" not in answer.stdout:
            logger.warning("%s gave nothing for %s (status %d)", program, host, answer.returncode)
        return None
    return _from_helper_answer(answer.stdout, program, host)


def _from_helper_answer(text: str, program: str, host: str) -> Credentials | None:
    try:
        value = read_object(text, program)
        username, secret = value["Username"], value["Secret"]
    except (RefusedError, KeyError):
        username = secret = None
    if not isinstance(username, str) or not isinstance(secret, str):
        raise ConfigError(
            f"{program} gave no usable answer for {host}", hint=f"Try `echo {host} | {program} get` by hand."
        )
    if not secret:  # docker-credential-pass says so that it has none
        return None
    return Credentials(identity_token=secret) if username == _TOKEN_USER else Credentials(username, secret)
