"""Where a registry is, and where its words may send us.

A registry may be honest, broken, or spoken for by somebody else. `led_to` decides about every address that it names
(redirect, upload, token realm, next page), by these rules:

- the registry's own place (scheme, host and port) is always right; the next page of a listing is nowhere else;
- never from TLS to plain HTTP, and plain HTTP to no other place than the registry's own, which is on loopback;
- another host or port over TLS is right for redirects, uploads and tokens. It has to own a certificate for its name,
  so a name that resolves to this machine or into the own network leads nowhere; it gets no credentials;
- an address in figures that is not public (loopback, private, link-local, unspecified, multicast) is refused: such a
  host is what a registry outside must not reach through us, metadata services of clouds among them;
- what the user names in IMAGEKIT_REGISTRY_TOKEN_HOSTS or IMAGEKIT_REGISTRY_STORAGE_HOSTS (`HOST[:PORT]` by commas, port
  443 unless it is said) is right too, over TLS or on loopback; only a token host that is named gets credentials.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import assert_never
from urllib.parse import parse_qsl, urljoin, urlsplit

from imagekit.base.errors import ConfigError
from imagekit.oci.reference import split_host
from imagekit.registry.errors import InsecureAddressError, RegistryError

_TLS_PORT, _PLAIN_PORT = 443, 80
_SIGNATURE = 12  # characters: what is shorter keeps no secret
# A space, control or other character is no part of an address (RFC 3986); browsers take a backslash for a slash.
_CHARACTERS = re.compile(r"[!-\[\]-~]+")


# What people call docker.io answers under another name; https://docs.docker.com/reference/api/registry/latest/
_HUB_NAMES = frozenset({"docker.io", "index.docker.io"})
_HUB_HOST = "registry-1.docker.io"


def api_host(registry: str) -> str:
    """The host that answers for a registry as people write it in references."""
    return _HUB_HOST if registry in _HUB_NAMES else registry


class Lead(Enum):
    """What a peer sends an address for."""

    REDIRECT = "a redirect"
    UPLOAD = "the place of an upload"
    TOKEN = "a token server"
    PAGE = "the next page of a listing"


@dataclass(frozen=True, slots=True)
class Place:
    """Scheme, host (lower case, an IPv6 address without brackets) and port of a server."""

    scheme: str
    host: str
    port: int

    @property
    def secure(self) -> bool:
        """Whether what is sent there cannot be read on the way."""
        return self.scheme == "https" or is_loopback(self.host)

    @property
    def authority(self) -> str:
        """``HOST:PORT`` as it stands in an address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class Target:
    """A place and what to ask for there (path and query)."""

    place: Place
    path: str

    @property
    def shown(self) -> str:
        """For people: without the query, which may be a signature or the state of an upload."""
        return f"{self.place}{self.path.partition('?')[0]}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What of the query must not be shown when it comes back: the whole, and each value that is no plain word."""
        query = self.path.partition("?")[2]
        return tuple(filter(None, (query, *(value for _, value in parse_qsl(query) if len(value) >= _SIGNATURE))))


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine by its very name."""
    address = _figures(host)
    return address.is_loopback if address is not None else host == "localhost"


def registry_place(address: str, *, tls: bool | None = None) -> Place:
    """The place of a registry `HOST[:PORT]`; plain HTTP only on loopback, there unless `tls` asks for TLS.

    Raises `ConfigError` for what is no address, `InsecureAddressError` when TLS is switched off for another host.
    """
    host, port = split_host(address)
    secure = tls if tls is not None else not is_loopback(host)
    place = _place("https" if secure else "http", host, port)
    if not place.secure:
        raise InsecureAddressError(
            f"{address} would be spoken to in clear",
            hint="Plain HTTP is used on loopback only; give the registry a TLS certificate.",
        )
    return place


def led_to(said: str, base: Target, home: Place, lead: Lead, environ: Mapping[str, str] = os.environ) -> Target:
    """Where an address leads that came as answer to `base`, asked of the registry at `home`.

    Raises `RegistryError` for what is no HTTP address, `InsecureAddressError` where the rules above say no.
    """
    target = _resolved(said, base, home)
    problem = _problem(target.place, base.place, home, lead)
    if problem and not _named(target.place, lead, environ):
        raise InsecureAddressError(
            f"registry {home.authority} names {target.place} as {lead.value}: {problem}", hint=_hint(target.place, lead)
        )
    return target


def may_have_credentials(place: Place, home: Place, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a token server gets the registry's credentials: the registry's own place, or one that the user named."""
    return place == home or _named(place, Lead.TOKEN, environ)


def _problem(place: Place, base: Place, home: Place, lead: Lead) -> str:
    """Why an address is not right without the user's word; empty when it is."""
    if base.scheme == "https" and place.scheme == "http":
        return "that goes from TLS to plain HTTP"
    if place == home:
        return ""
    if lead is Lead.PAGE:
        return "a listing goes on nowhere but at the registry"
    if place.scheme == "http":
        return "plain HTTP is for a registry on loopback alone"
    address = _figures(place.host)
    if place.host == "localhost" or (address is not None and not address.is_global) or _multicast(address):
        return "that is an address of this machine or of a network that is not public"
    return ""


def _named(place: Place, lead: Lead, environ: Mapping[str, str]) -> bool:
    variable = _variable(lead)
    if not variable or not place.secure:
        return False
    entries = [entry.strip() for entry in environ.get(variable, "").split(",") if entry.strip()]
    for entry in entries:
        host, port = split_host(entry)
        if (host, port or _TLS_PORT) == (place.host, place.port):
            return True
    return False


def _variable(lead: Lead) -> str:
    """The variable in which a user names more places for a purpose."""
    match lead:
        case Lead.TOKEN:
            return "IMAGEKIT_REGISTRY_TOKEN_HOSTS"
        case Lead.REDIRECT | Lead.UPLOAD:
            return "IMAGEKIT_REGISTRY_STORAGE_HOSTS"
        case Lead.PAGE:
            return ""
        case _:
            assert_never(lead)


def _hint(place: Place, lead: Lead) -> str:
    if not place.secure or not _variable(lead):
        return "Ask whoever runs the registry; its address may have to be configured there."
    return f"If that is right, set {_variable(lead)}={place.authority}."


def _resolved(said: str, base: Target, home: Place) -> Target:
    """The absolute address, from a text that may be relative to the one that was asked."""
    try:
        if not _CHARACTERS.fullmatch(said):
            raise ValueError("characters that no address has")
        parts = urlsplit(urljoin(f"{base.place}{base.path}", said))
        if parts.scheme not in ("http", "https") or "@" in parts.netloc:
            raise ValueError("another scheme, or a user name")
        host, port = split_host(parts.netloc)
    except (ValueError, ConfigError):
        raise RegistryError(
            f"registry {home.authority} sends us to {shown(said)}, which is not an HTTP address",
            hint="The registry, or something before it, is broken or hostile: ask whoever runs it.",
        ) from None
    return Target(_place(parts.scheme, host, port), (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def shown(said: str) -> str:
    """An address for people: without its query, which may be a signature, in plain characters."""
    return ascii(said.partition("?")[0][:200])


def _place(scheme: str, host: str, port: int | None) -> Place:
    return Place(scheme, host, port or (_TLS_PORT if scheme == "https" else _PLAIN_PORT))


def _figures(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """A host that is an address; one of IPv4 written as IPv6 is what it stands for."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def _multicast(address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
    return address is not None and address.is_multicast
