"""bindy's zones and records, and the addresses of machines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address
from typing import Any

from imagekit.provision.check.finding import Hit, Key, lint
from imagekit.provision.check.objects import Manifest, Tree

RECORDS = ("ARecord", "AAAARecord", "CNAMERecord", "TXTRecord", "SRVRecord")
_ADDRESSES = {"ARecord": ("ipv4Addresses", IPv4Address), "AAAARecord": ("ipv6Addresses", IPv6Address)}
# RFC 1035 2.3.4 and 3.3: a label has 63 octets, a string of a TXT 255; `_` begins service names (RFC 8552).
_LABEL = re.compile(r"[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9])?|\*|@")
_STRING = 255


def selects(selector: Any, labels: Any) -> bool:
    """Whether a label selector takes an object, as bindy reads it (0.6.2): an empty one takes every one."""
    if not isinstance(selector, dict):
        return False
    exact, expressions = selector.get("matchLabels") or {}, selector.get("matchExpressions") or []
    return all(labels.get(key) == value for key, value in exact.items()) and all(
        _holds(each, labels) for each in expressions if isinstance(each, dict)
    )


def _holds(expression: dict[str, Any], labels: Any) -> bool:
    key, values = expression.get("key"), expression.get("values") or []
    match expression.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return False


def zones_of(tree: Tree, record: Manifest) -> list[Manifest]:
    """The zones of its namespace that select a record."""
    return [
        zone
        for zone in tree.of("DNSZone")
        if zone.namespace == record.namespace
        and any(
            isinstance(each, dict) and selects(each.get("selector"), record.labels)
            for each in zone.get("spec", "recordsFrom") or ()
        )
    ]


@lint(
    "dns-no-zone",
    "A record has no reference to a zone: bindy publishes it where a zone of its namespace selects its labels; "
    "elsewhere it is published nowhere, without a word.",
    "Give the record the label that the zone's recordsFrom selects, in the zone's namespace.",
)
def in_a_zone(tree: Tree) -> Iterator[Hit]:
    """Records that no zone selects."""
    for each in tree.of(*RECORDS):
        if not zones_of(tree, each):
            yield Hit(each, ("metadata", "labels"), "no zone selects the record")


@lint(
    "dns-two-zones",
    "A record is published in one zone; which one of several wins is not documented.",
    "Make the selectors disjoint.",
)
def in_one_zone(tree: Tree) -> Iterator[Hit]:
    """Records that several zones select."""
    for each in tree.of(*RECORDS):
        names = [str(zone.get("spec", "zoneName")) for zone in zones_of(tree, each)]
        if len(names) > 1:
            yield Hit(each, ("metadata", "labels"), f"{len(names)} zones select the record: {', '.join(names)}")


@lint(
    "dns-zone-selector",
    "A zone without recordsFrom publishes no record at all; one with an empty selector takes every record of its "
    "namespace, those of other zones too.",
    "Add recordsFrom with a selector that names a label.",
)
def has_selector(tree: Tree) -> Iterator[Hit]:
    """Zones that select nothing, or everything."""
    for each in tree.of("DNSZone"):
        given = [one for one in each.get("spec", "recordsFrom") or () if isinstance(one, dict)]
        if not given:
            yield Hit(each, ("spec", "recordsFrom"), "the zone selects no record")
        for number, one in enumerate(given):
            wanted = one.get("selector")
            if not isinstance(wanted, dict) or not (wanted.get("matchLabels") or wanted.get("matchExpressions")):
                yield Hit(each, ("spec", "recordsFrom", number), "the zone selects every record of its namespace")


@lint(
    "dns-zone-twice",
    "Of two DNSZones with one zoneName the second is never ready (DuplicateZone).",
    "Keep one.",
)
def one_zone(tree: Tree) -> Iterator[Hit]:
    """Two zones of one name."""
    seen: dict[str, Manifest] = {}
    for each in tree.of("DNSZone"):
        name = str(each.get("spec", "zoneName")).lower().rstrip(".")
        if seen.setdefault(name, each) is not each:
            yield Hit(each, ("spec", "zoneName"), f"{name} is also the zone of {seen[name].name}")


@lint(
    "dns-zone-dots",
    "bindy wants zoneName without a trailing dot, and primaryNs and adminEmail with one.",
    "Write zoneName: bank.example, primaryNs: ns1.bank.example., adminEmail: hostmaster.bank.example.",
)
def dots(tree: Tree) -> Iterator[Hit]:
    """Names of zones with the dot where it is not wanted, or without."""
    for each in tree.of("DNSZone"):
        name = each.get("spec", "zoneName")
        if isinstance(name, str) and name.endswith("."):
            yield Hit(each, ("spec", "zoneName"), f"{name} ends in a dot")
        for field in ("primaryNs", "adminEmail"):
            text = each.get("spec", "soaRecord", field)
            if isinstance(text, str) and not text.endswith("."):
                yield Hit(each, ("spec", "soaRecord", field), f"{text} does not end in a dot")
            if isinstance(text, str) and "@" in text:
                yield Hit(each, ("spec", "soaRecord", field), f"{text} has an @, which is a dot in a SOA (RFC 1035)")


@lint(
    "dns-name",
    "The name of a record is relative to its zone: labels of at most 63 characters, no last dot, without the zone.",
    "Write the name within the zone, such as tdc-worker-01.",
)
def name(tree: Tree) -> Iterator[Hit]:
    """Names of records that DNS does not take, or that would come out double."""
    for each in tree.of(*RECORDS):
        text = str(each.get("spec", "name"))
        labels = text.split(".")
        if not all(_LABEL.fullmatch(label) for label in labels) or len(text) > 253:
            yield Hit(each, ("spec", "name"), f"{text!r} is no relative name of DNS")
        for zone in zones_of(tree, each):
            zone_name = str(zone.get("spec", "zoneName")).rstrip(".")
            if text.rstrip(".") == zone_name or text.rstrip(".").endswith(f".{zone_name}"):
                yield Hit(each, ("spec", "name"), f"{text} would become {text}.{zone_name}")


def record_addresses(tree: Tree) -> Iterator[tuple[Manifest, Key, str]]:
    """Every address of a record, and where it stands."""
    for kind, (field, _) in _ADDRESSES.items():
        for each in tree.of(kind):
            found = each.get("spec", field)
            for number, text in enumerate(found if isinstance(found, list) else ()):
                yield each, ("spec", field, number), str(text)


@lint(
    "dns-address",
    "The CRD takes any text as an address; the name server refuses it later.",
    "Write an IPv4 address in an ARecord, an IPv6 address in an AAAARecord.",
)
def address(tree: Tree) -> Iterator[Hit]:
    """Addresses of records that are none, or of the other family."""
    for each, key, text in record_addresses(tree):
        try:
            _ADDRESSES[each.kind][1](text)
        except AddressValueError as error:
            yield Hit(each, key, f"no address for {each.kind}: {error}")


@lint(
    "address-twice",
    "Two machines with one address answer in turn, and neither can be trusted.",
    "Give each machine its own address.",
)
def unique(tree: Tree) -> Iterator[Hit]:
    """One address under two names, or at two machines."""
    for group in (record_addresses(tree), machine_addresses(tree)):
        seen: dict[str, tuple[Manifest, str]] = {}
        for each, key, text in group:
            owner = each.short if each.kind not in _ADDRESSES else f"{each.get('spec', 'name')}"
            first, known = seen.setdefault(_canonical(text), (each, owner))
            if known != owner or _repeated(each, key, text):
                yield Hit(each, key, f"{text} is also the address of {first.name} ({first.file}:{first.line_of(key)})")


def _repeated(each: Manifest, key: Key, text: str) -> bool:
    """Whether the same list has the address before."""
    if not isinstance(key[-1], int):
        return False
    values = each.get(*key[:-1])
    return isinstance(values, list) and text in values[: key[-1]]


def _canonical(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return text.lower()


def machine_addresses(tree: Tree) -> Iterator[tuple[Manifest, Key, str]]:
    """Addresses of machines that somebody else runs."""
    for each in tree.of("RemoteMachine"):
        if isinstance(text := each.get("spec", "address"), str):
            yield each, ("spec", "address"), text
    for each in tree.of("PooledRemoteMachine"):
        if isinstance(text := each.get("spec", "machine", "address"), str):
            yield each, ("spec", "machine", "address"), text
    for each in tree.of("ClusterDeployment"):
        machines = each.get("spec", "config", "machines")
        for number, one in enumerate(machines if isinstance(machines, list) else ()):
            if isinstance(one, dict) and isinstance(one.get("address"), str):
                yield each, ("spec", "config", "machines", number, "address"), one["address"]


@lint(
    "machine-address",
    "A machine is reached over SSH at this address; a wrong one is tried for good.",
    "Write an IP address or a host name.",
)
def machine_address(tree: Tree) -> Iterator[Hit]:
    """Addresses of machines that are neither an IP address nor a name."""
    for each, key, text in machine_addresses(tree):
        numeric = re.fullmatch(r"[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", text) is not None
        named = not numeric and all(_LABEL.fullmatch(label) and label not in "*@" for label in text.split("."))
        if not named and not _is_address(text):
            yield Hit(each, key, f"{text!r} is neither an address nor a name")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@lint(
    "dns-cname-beside",
    "A name with a CNAME has no other record (RFC 1034 3.6.2); the name server refuses one of the two.",
    "Take another name for one of them.",
)
def cname(tree: Tree) -> Iterator[Hit]:
    """Names with a CNAME and something else."""
    owners: dict[tuple[str, str], Manifest] = {}
    for each in tree.of(*(kind for kind in RECORDS if kind != "CNAMERecord")):
        for zone in zones_of(tree, each):
            owners[(zone.short, str(each.get("spec", "name")).lower())] = each
    for each in tree.of("CNAMERecord"):
        for zone in zones_of(tree, each):
            other = owners.get((zone.short, str(each.get("spec", "name")).lower()))
            if other is not None:
                yield Hit(each, ("spec", "name"), f"{other.name} has the same name")


@lint(
    "dns-record-twice",
    "bindy replaces the whole set of a name and type: of two objects the one reconciled last wins.",
    "Put all values into one object.",
)
def record_twice(tree: Tree) -> Iterator[Hit]:
    """Two objects for one name and type in a zone."""
    seen: dict[tuple[str, str, str], Manifest] = {}
    for each in tree.of(*RECORDS):
        for zone in zones_of(tree, each):
            first = seen.setdefault((zone.short, each.kind, str(each.get("spec", "name")).lower()), each)
            if first is not each:
                yield Hit(each, ("spec", "name"), f"{first.name} has the same name and type")


@lint("dns-text-length", "A string of a TXT record has at most 255 octets (RFC 1035 3.3.14).", "Split it in two.")
def text_length(tree: Tree) -> Iterator[Hit]:
    """Strings of TXT records that are too long."""
    for each in tree.of("TXTRecord"):
        found = each.get("spec", "text")
        for number, one in enumerate(found if isinstance(found, list) else ()):
            if isinstance(one, str) and len(one.encode()) > _STRING:
                yield Hit(each, ("spec", "text", number), f"{len(one.encode())} octets")


@lint(
    "dns-cluster-reference",
    "bindy creates a zone on the instances of its cluster; without clusterRef or bind9InstancesFrom there are none.",
    "Name the cluster, or select instances.",
)
def has_servers(tree: Tree) -> Iterator[Hit]:
    """Zones that are on no name server."""
    for each in tree.of("DNSZone"):
        if not each.get("spec", "clusterRef") and not each.get("spec", "bind9InstancesFrom"):
            yield Hit(each, ("spec",), "neither clusterRef nor bind9InstancesFrom")
