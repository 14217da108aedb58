"""TSIG keys (RFC 8945) as BIND's tsig-keygen writes them."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from pathlib import Path

import dns.exception
import dns.name
import dns.tsig

from imagekit.base.errors import ConfigError

_FORM = re.compile(
    r'key\s+"?(?P<name>[A-Za-z0-9._-]+)"?\s*\{\s*algorithm\s+"?(?P<algorithm>[a-z0-9-]+)"?\s*;\s*'
    r'secret\s+"(?P<secret>[A-Za-z0-9+/=]+)"\s*;\s*\}\s*;'
)
_ALGORITHMS = ("hmac-sha256", "hmac-sha384", "hmac-sha512")
_SHORTEST = 16  # bytes of a secret


@dataclass(frozen=True, slots=True)
class UpdateKey:
    """A key that may change zones."""

    name: str
    tsig: dns.tsig.Key = field(repr=False)


def read_key(path: Path) -> UpdateKey:
    """The key of a file; raises `ConfigError`, never with anything of the secret in it."""
    try:
        found = _FORM.search(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: no key file: {error}") from None
    if found is None:
        raise ConfigError(f"{path}: no TSIG key", hint="Make one: tsig-keygen -a hmac-sha256 NAME > FILE.")
    if found["algorithm"] not in _ALGORITHMS:
        raise ConfigError(f"{path}: the algorithm {found['algorithm']} is too weak", hint=f"Use {_ALGORITHMS[0]}.")
    try:
        secret = base64.b64decode(found["secret"], validate=True)
        name = dns.name.from_text(found["name"])
    except (binascii.Error, dns.exception.DNSException):
        raise ConfigError(f"{path}: the key cannot be read", hint="Make it anew with tsig-keygen.") from None
    if len(secret) < _SHORTEST:
        raise ConfigError(f"{path}: the secret has only {len(secret)} bytes", hint="Make it anew with tsig-keygen.")
    return UpdateKey(found["name"], dns.tsig.Key(name, secret, found["algorithm"]))
