"""Which proxy leads to a server, by the variables that curl and Go programs read.

``https_proxy`` or ``HTTPS_PROXY``, ``ALL_PROXY`` and ``no_proxy`` or ``NO_PROXY`` (lower case first, as curl has it).
Plain HTTP is spoken on loopback alone, which never goes through a proxy (as in Go's httpproxy), so ``http_proxy`` is
not read. In ``no_proxy`` a domain counts with all below it, with or without a dot before it (curl; for Go they differ).
https://pkg.go.dev/golang.org/x/net/http/httpproxy, https://everything.curl.dev/usingcurl/proxies/env.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from imagekit.base.errors import ConfigError
from imagekit.oci.reference import split_host
from imagekit.registry.address import Place, is_loopback

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where a proxy is, and the ``user:password`` that it wants; never shown in a representation."""

    place: Place
    login: str = field(default="", repr=False)


def proxy_for(place: Place, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy for a server; None for a direct way. Raises `ConfigError` for a variable that names none."""
    if is_loopback(place.host):
        return None
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        said = environ.get(name, "").strip()
        if said:
            excepted = environ.get("no_proxy", "") or environ.get("NO_PROXY", "")
            return None if _excepted(place, excepted) else _proxy(name, said)
    return None


def _proxy(name: str, said: str) -> Proxy:
    """The last `@` ends the login, whatever a password holds; a path says nothing of a proxy."""
    scheme, separator, rest = said.partition("://")
    if not separator:
        scheme, rest = "http", said.removeprefix("//")
    login, _, authority = rest.rpartition("@")
    problem = "" if scheme.lower() in _PORTS else f"the scheme {scheme!a}" if scheme.isalnum() else "it has no scheme"
    host, port = "", None
    try:
        host, port = split_host(authority.partition("/")[0].removesuffix(":"))
    except ConfigError:
        problem = problem or "no host, or host and port, is in it"
    if problem:  # said without the text, which may hold a password
        raise ConfigError(
            f"{name} names no proxy that can be used: {problem}",
            hint="Write http://[USER:PASSWORD@]HOST:PORT, in USER and PASSWORD %40 for @, %2F for /, %25 for %.",
        )
    return Proxy(Place(scheme.lower(), host, port or _PORTS[scheme.lower()]), unquote(login))


def _excepted(place: Place, text: str) -> bool:
    """Whether one of the entries, by commas or spaces, names the server."""
    return any(_matches(place, entry.lower()) for entry in text.replace(",", " ").split())


def _matches(place: Place, entry: str) -> bool:
    """`*`, a network (10.0.0.0/8), an address or a domain with all below it, each with or without a port."""
    if entry == "*":
        return True
    address = _address(place.host)
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    bare = _address(entry)  # an IPv6 address may stand without brackets
    host, port = (str(bare), None) if bare is not None else _split(entry)
    if not host or (port is not None and port != place.port):
        return False
    if address is not None:
        return _address(host) == address
    name = place.host.rstrip(".")
    return name == host or name.endswith("." + host)


def _split(entry: str) -> tuple[str, int | None]:
    try:
        host, port = split_host(entry.removeprefix("*").removeprefix("."))
    except ConfigError:
        return "", None
    return host.rstrip("."), port


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
