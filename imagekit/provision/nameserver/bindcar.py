"""Zones by bindcar's REST interface (firestoned/bindcar v0.7.3, docs/src/reference/api-zones.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from imagekit.base.errors import ConfigError, RefusedError, ToolError
from imagekit.base.text import answered, one_line
from imagekit.provision.check.objects import Manifest
from imagekit.services.registry import loopback

_SECONDS = 30.0
_LIMIT = 4 << 20  # bytes of an answer
_SOA = ("primaryNs", "adminEmail", "serial", "refresh", "retry", "expire", "negativeTtl")


class ZoneRefusedError(RefusedError):
    """bindcar says no."""


class BindcarError(ToolError):
    """bindcar does not answer, or fails (its rndc command did)."""


@dataclass(frozen=True)
class Bindcar:
    """One bindcar; `token` is what it knows the caller by."""

    address: str
    token: str = field(default="", repr=False)
    pool: urllib3.PoolManager = field(default_factory=urllib3.PoolManager, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        here = parts.scheme == "http" and loopback(f"{parts.hostname}:{parts.port or 80}")
        if not parts.hostname or not (parts.scheme == "https" or here):
            raise ConfigError(f"{self.address}: neither https nor on this machine", hint="The token would be seen.")

    def zones(self) -> list[str]:
        """The names of all zones."""
        found = self._call("GET", "")
        if not isinstance(found, dict) or not isinstance(found.get("zones"), list):
            raise BindcarError(f"{self.address}: no list of zones in its answer")
        return [str(each).rstrip(".") for each in found["zones"]]

    def zone(self, name: str) -> Mapping[str, Any] | None:
        """What it says of a zone; None where there is none."""
        found = self._call("GET", f"/{quote(name)}", missing=True)
        return found if isinstance(found, dict) else None

    def create(self, zone: Manifest) -> None:
        """Make the zone of a DNSZone, which must not be there, and see that it is."""
        name = zone_name(zone)
        self._call("POST", "", creation(zone))
        if self.zone(name) is None:
            raise BindcarError(f"{self.address} made {name}, and does not have it")

    def delete(self, name: str) -> bool:
        """Remove a zone with its file; whether it was there."""
        return self._call("DELETE", f"/{quote(name)}", missing=True) is not None

    def _call(self, method: str, path: str, body: object = None, *, missing: bool = False) -> Any:
        """The JSON of an answer, an empty mapping for 204; None for 404 where that may be."""
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self.token}"} if self.token else {}
        )
        url = f"{self.address.rstrip('/')}/api/v1/zones{path}"
        try:
            answer = self.pool.request(
                method,
                url,
                body=json.dumps(body).encode() if body is not None else None,
                headers=headers,
                timeout=_SECONDS,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            text = answer.read(_LIMIT).decode("utf-8", "replace")
        except HTTPError as error:
            raise BindcarError(f"{self.address}: {one_line(str(error))}", hint="Is bindcar running there?") from None
        if answer.status == 404 and missing:
            return None
        _require_good(answer.status, text, f"{method} {url}")
        try:
            return json.loads(text) if text.strip() else {}
        except ValueError:
            raise BindcarError(f"{method} {url}: its answer is no JSON: {one_line(text, 80)}") from None


def _require_good(status: int, text: str, what: str) -> None:
    if 200 <= status < 300:
        return
    why = f"{what}: HTTP {status}: {one_line(answered(text), 200)}"
    match status:
        case 400:
            raise ZoneRefusedError(why, hint="The zone is wrong; `imagekit provision check` says more.")
        case 401 | 403:
            raise ZoneRefusedError(why, hint="The token does not count there (--token-file).")
        case 404:
            raise ZoneRefusedError(why, hint="Is it bindcar's address, without /api?")
        case 409:
            raise ZoneRefusedError(why, hint="Somebody made the zone meanwhile; run it again.")
        case _:
            raise BindcarError(why, hint="bindcar's rndc command failed; see its log and named's.")


def zone_name(zone: Manifest) -> str:
    """The name of a DNSZone's zone, without the last dot."""
    return str(zone.get("spec", "zoneName")).rstrip(".")


def creation(zone: Manifest) -> dict[str, object]:
    """What bindcar makes a zone of: the SOA and the name servers; records come by dynamic update."""
    soa = zone.get("spec", "soaRecord") or {}
    lacking = [each for each in _SOA if each not in soa]
    if lacking:
        raise ConfigError(f"{zone.file}: {zone.name}: soaRecord lacks {', '.join(lacking)}")
    config: dict[str, object] = {
        "ttl": zone.get("spec", "ttl") or 3600,
        "soa": {each: soa[each] for each in _SOA},
        "nameServers": zone.get("spec", "nameServers") or [soa["primaryNs"]],
        "nameServerIps": zone.get("spec", "nameServerIps") or {},
    }
    if policy := zone.get("spec", "dnssecPolicy"):
        config |= {"dnssecPolicy": policy, "inlineSigning": True}
    return {"zoneName": zone_name(zone), "zoneType": "primary", "zoneConfig": config}
