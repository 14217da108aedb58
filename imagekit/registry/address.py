"""Where a registry is, and where its words may send us: TLS everywhere but on loopback, credentials to one host."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from imagekit.registry.errors import InsecureAddressError


@dataclass(frozen=True, slots=True)
class Place:
    """Scheme, host and port of a server."""

    scheme: str
    host: str
    port: int

    @property
    def secure(self) -> bool:
        """Whether what is sent there cannot be read on the way."""
        return self.scheme == "https" or is_loopback(self.host)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Target:
    """A place and what to ask for there (path and query)."""

    place: Place
    path: str


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine by its very name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def registry_place(address: str, *, tls: bool | None = None) -> Place:
    """The place of a registry `HOST[:PORT]`; plain HTTP only on loopback, there unless `tls` asks for TLS.

    Raises `InsecureAddressError` when TLS is switched off for another host.
    """
    parts = urlsplit(f"//{address}")
    host = parts.hostname or ""
    secure = tls if tls is not None else not is_loopback(host)
    place = Place("https" if secure else "http", host, _port(address, parts.port, secure))
    _demand_secure(place, address)
    return place


def target_of(location: str, base: Target) -> Target:
    """Where a `Location` or a token realm leads, relative to the request that brought it.

    Raises `InsecureAddressError` for plain HTTP to anything but loopback and for other schemes.
    """
    parts = urlsplit(urljoin(f"{base.place}{base.path}", location))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InsecureAddressError(f"{base.place} sends us to {location[:200]!r}, which is no HTTP address")
    secure = parts.scheme == "https"
    place = Place(parts.scheme, parts.hostname, _port(location[:200], parts.port, secure))
    _demand_secure(place, location[:200])
    return Target(place, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _port(address: str, port: int | None, secure: bool) -> int:
    if port == 0:
        raise InsecureAddressError(f"{address} names port 0")
    return port or (443 if secure else 80)


def _demand_secure(place: Place, said: str) -> None:
    if not place.secure:
        raise InsecureAddressError(
            f"{said} would be spoken to in clear",
            hint="Plain HTTP is used on loopback only; give the registry a TLS certificate.",
        )
