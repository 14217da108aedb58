"""What name servers have to say, out of bindy's manifests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import dns.exception
import dns.name
import dns.rdataset
import dns.rdatatype

from imagekit.base.errors import ConfigError
from imagekit.provision.check.objects import Manifest, Tree
from imagekit.provision.check.rules.dns import RECORDS, zones_of

_TYPES = {"ARecord": "A", "AAAARecord": "AAAA", "CNAMERecord": "CNAME", "TXTRecord": "TXT"}
_DEFAULT_TTL = 300  # seconds, where neither the record nor its zone says one
_HINT = "`imagekit provision check` says more."
Key = tuple[dns.name.Name, dns.rdatatype.RdataType]


@dataclass(frozen=True)
class Zone:
    """A zone by its absolute name, and every set of records that it has to have."""

    name: dns.name.Name
    sets: Mapping[Key, dns.rdataset.Rdataset]


def desired(tree: Tree) -> list[Zone]:
    """Every zone of the files with the records that it selects, sorted by name.

    Raises `ConfigError` for files that are no manifests, a record that no zone or several select, a name or value that
    DNS does not take, and kinds that are not written here.
    """
    if tree.problems:
        first = tree.problems[0]
        raise ConfigError(f"{first.file}:{first.line}: {first.message}", hint=_HINT)
    sets: dict[dns.name.Name, dict[Key, dns.rdataset.Rdataset]] = {_zone_name(zone): {} for zone in tree.of("DNSZone")}
    for record in tree.of(*RECORDS):
        zones = zones_of(tree, record)
        if len(zones) != 1:
            raise _problem(record, f"{len(zones)} zones select the record")
        made = _rdataset(record, zones[0])
        key = (_record_name(record, _zone_name(zones[0])), made.rdtype)
        if key in sets[_zone_name(zones[0])]:
            raise _problem(record, "another object has the same name and type")
        sets[_zone_name(zones[0])][key] = made
    if not sets:
        raise ConfigError(
            "no DNSZone in these files", hint="`imagekit provision render` writes them to the folder dns."
        )
    return [Zone(name, sets[name]) for name in sorted(sets)]


def _zone_name(zone: Manifest) -> dns.name.Name:
    try:
        return dns.name.from_text(str(zone.get("spec", "zoneName")))
    except dns.exception.DNSException as error:
        raise _problem(zone, f"spec.zoneName: {error}") from None


def _record_name(record: Manifest, zone: dns.name.Name) -> dns.name.Name:
    try:
        return dns.name.from_text(str(record.get("spec", "name")), origin=zone)
    except dns.exception.DNSException as error:
        raise _problem(record, f"spec.name: {error}") from None


def _rdataset(record: Manifest, zone: Manifest) -> dns.rdataset.Rdataset:
    if record.kind not in _TYPES:
        raise _problem(record, "records of this kind are not written by imagekit")
    ttl = record.get("spec", "ttl") or zone.get("spec", "ttl") or _DEFAULT_TTL
    try:
        return dns.rdataset.from_text_list("IN", _TYPES[record.kind], int(ttl), _texts(record))
    except (dns.exception.DNSException, ValueError, TypeError) as error:
        raise _problem(record, f"spec: {error}") from None


def _texts(record: Manifest) -> list[str]:
    """The values as a zone file has them; a TXT's strings are one value, each in quotes."""
    match record.kind:
        case "ARecord":
            return [str(each) for each in record.get("spec", "ipv4Addresses") or ()]
        case "AAAARecord":
            return [str(each) for each in record.get("spec", "ipv6Addresses") or ()]
        case "CNAMERecord":
            target = str(record.get("spec", "target"))
            return [target if target.endswith(".") else f"{target}."]
        case _:
            return [" ".join(_quoted(str(each)) for each in record.get("spec", "text") or ())]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _problem(manifest: Manifest, what: str) -> ConfigError:
    return ConfigError(f"{manifest.file}:{manifest.line_of(())}: {manifest.name}: {what}", hint=_HINT)
