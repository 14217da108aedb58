"""Zones and records of bindy (bindy.firestoned.io/v1beta1, v0.6.2).

A record names no zone: without the label that a zone selects it is published nowhere, and nothing says so. The record
of a node's image is TXT at `_image.NODE`, so that DNS can be asked what a node is meant to run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from imagekit.fleet.model import Zone
from imagekit.provision.inputs import Inputs
from imagekit.provision.instances import Instance
from imagekit.provision.names import GROUP, host_name
from imagekit.provision.objects import labels, made
from imagekit.provision.yamlout import Object

API = "bindy.firestoned.io/v1beta1"
_SELECTED = f"{GROUP}/zone"


def zones(inputs: Inputs) -> list[Object]:
    """Every zone that a node is in."""
    used = sorted({node.zone for node in inputs.fleet.nodes.values() if node.zone})
    space = inputs.platform.namespace
    return [made(API, "DNSZone", name, _zone(name, inputs.fleet.zones[name]), namespace=space) for name in used]


def _zone(name: str, zone: Zone) -> Object:
    return {
        "zoneName": zone.name,
        "clusterRef": zone.bind_cluster,
        "ttl": zone.ttl,
        "soaRecord": {
            "primaryNs": zone.primary_ns,
            "adminEmail": zone.admin_email,
            "serial": zone.serial,
            "refresh": zone.refresh,
            "retry": zone.retry,
            "expire": zone.expire,
            "negativeTtl": zone.negative_ttl,
        },
        "recordsFrom": [{"selector": {"matchLabels": {_SELECTED: name}}}],
    }


def records(inputs: Inputs, machines: Sequence[Instance]) -> list[Object]:
    """The records of every node: addresses, further names, and the digest that it is meant to run."""
    return [each for machine in machines if machine.node.zone for each in _records(inputs, machine)]


def _records(inputs: Inputs, machine: Instance) -> Iterator[Object]:
    ttl = inputs.fleet.zones[machine.node.zone or ""].ttl
    host, node, zone = machine.host, machine.node.name, inputs.fleet.zones[machine.node.zone or ""].name
    for version, kind, field in ((4, "ARecord", "ipv4Addresses"), (6, "AAAARecord", "ipv6Addresses")):
        found = [each for each in machine.addresses if ip_address(each).version == version]
        if found:
            yield _made(inputs, machine, kind, f"{host}-{kind[:-6].lower()}", {"name": host, field: found}, ttl)
    if machine.retiring:
        return
    old = machine.node.retiring
    # A name has a CNAME or addresses (RFC 1034 3.6.2): while the old instance is there the node's name is its own.
    own = [node] if host != node and (old is None or host_name(node, old.slot) != node) else []
    for alias, of in [*((name, host) for name in own), *((name, node) for name in machine.node.aliases)]:
        spec = {"name": alias, "target": f"{of}.{zone}."}
        yield _made(inputs, machine, "CNAMERecord", f"{alias}-cname", spec, ttl)
    said = [f"digest={machine.runs}", f"image={machine.node.image}"]
    yield _made(inputs, machine, "TXTRecord", f"{node}-image", {"name": f"_image.{node}", "text": said}, ttl)


def _made(inputs: Inputs, machine: Instance, kind: str, name: str, spec: Object, ttl: int) -> Object:
    label = {**labels(node=machine.node.name), _SELECTED: machine.node.zone or ""}
    return made(
        API,
        kind,
        name[:63],
        {**spec, "ttl": ttl},
        namespace=inputs.platform.namespace,
        label=label,
        image=machine.reference,
    )
