"""Whose name and password a registry gets: from the environment or docker's config.json, per host."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagekit.base import process
from imagekit.base.errors import ConfigError

logger = logging.getLogger(__name__)
_HELPER_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and a password or token; never shown in a representation."""

    username: str = field(repr=False)
    password: str = field(repr=False)

    def basic(self) -> str:
        """The value of an ``Authorization`` header of scheme Basic."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def find_credentials(host: str, environ: Mapping[str, str] = os.environ) -> Credentials | None:
    """Look for the credentials of exactly this host (`HOST[:PORT]`); None means anonymous.

    First ``IMAGEKIT_REGISTRY_USERNAME`` and ``_PASSWORD`` when ``IMAGEKIT_REGISTRY_HOST`` names the host, then the
    helper or the entry of docker's config.json. Raises `ConfigError` for a file that cannot be read.
    """
    if environ.get("IMAGEKIT_REGISTRY_HOST") == host:
        return Credentials(environ.get("IMAGEKIT_REGISTRY_USERNAME", ""), environ.get("IMAGEKIT_REGISTRY_PASSWORD", ""))
    config = _docker_config(environ)
    helper = _section(config, "credHelpers").get(host) or config.get("credsStore")
    if isinstance(helper, str) and helper:
        return _from_helper(helper, host)
    return _from_entry(_section(config, "auths"), host)


def _docker_config(environ: Mapping[str, str]) -> Mapping[str, Any]:
    folder = environ.get("DOCKER_CONFIG") or str(Path(environ.get("HOME", "/")) / ".docker")
    path = Path(folder) / "config.json"
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {path}: {error}", hint="`docker login` writes this file anew.") from None
    return value if isinstance(value, dict) else {}


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = config.get(name)
    return value if isinstance(value, dict) else {}


def _from_entry(entries: Mapping[str, Any], host: str) -> Credentials | None:
    for key in (host, f"https://{host}", f"https://{host}/v2/", f"https://{host}/v1/"):
        entry = entries.get(key)
        if not isinstance(entry, dict):
            continue
        if isinstance(entry.get("username"), str) and isinstance(entry.get("password"), str):
            return Credentials(entry["username"], entry["password"])
        if isinstance(entry.get("auth"), str) and entry["auth"]:
            return _decoded(entry["auth"], host)
    return None


def _decoded(text: str, host: str) -> Credentials:
    try:
        username, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise ConfigError(
            f"docker's config.json: the entry of {host} is not base64 of user:password",
            hint=f"`docker login {host}` writes it anew.",
        )
    return Credentials(username, password)


def _from_helper(helper: str, host: str) -> Credentials | None:
    """Ask a docker credential helper; its protocol: host on stdin, JSON on stdout, status 1 for "not found"."""
    program = f"docker-credential-{helper}"
    try:
        answer = process.run([program, "get"], stdin=host.encode(), timeout=_HELPER_SECONDS, ok=(0, 1))
    except process.ProgramMissingError:
        logger.warning("docker's config.json names %s, which is not installed; %s is asked anonymously", program, host)
        return None
    if answer.returncode != 0:
        return None
    try:
        value = json.loads(answer.stdout)
        return Credentials(str(value["Username"]), str(value["Secret"]))
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"{program} gave no usable answer for {host}") from None
