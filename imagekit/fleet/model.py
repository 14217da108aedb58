"""fleet/*.yaml as written: nodes with ranges, groups and defaults; providers, classes, clusters and zones by name."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from imagekit.config.model import Frozen, ImageDigest, Name
from imagekit.fleet.cluster import Cluster
from imagekit.fleet.platform import Platform
from imagekit.fleet.ranges import expand

FOLDER = "fleet"


class ProviderType(StrEnum):
    """What makes the machines; VirtRigaud has these and others that imagekit does not write for."""

    VSPHERE = "vsphere"
    LIBVIRT = "libvirt"
    PROXMOX = "proxmox"


class Role(StrEnum):
    """What a node is in its cluster."""

    CONTROLLER = "controller"
    WORKER = "worker"


class Power(StrEnum):
    """The power state that a machine is to have. Written in quotes: other YAML readers take On for true."""

    ON = "On"
    OFF = "Off"


def addresses_of(text: str) -> tuple[str, ...]:
    """Every address that a text or a range stands for, in canonical form; raises `ValueError` naming the bad one."""
    return tuple(str(address(each)) for each in expand(text))


def address(text: str) -> IPv4Address | IPv6Address:
    """An address that a machine in a network can have; raises `ValueError`."""
    try:
        found = ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is no IP address") from None
    if "%" in text or found.is_unspecified or found.is_multicast or found.is_loopback or found.is_link_local:
        raise ValueError(f"{text!r} is no address that a node can have in a network")
    return found


def _addresses(text: str) -> str:
    addresses_of(text)
    return text


AddressRange = Annotated[str, StringConstraints(max_length=200), AfterValidator(_addresses)]
Label = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$", max_length=63)]
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/, a prefix of at most one DNS name
LabelKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", max_length=120
    ),
]
Mac = Annotated[str, StringConstraints(pattern=r"^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$")]


class Retiring(Frozen):
    """The instance of a node that runs beside its successor until it is drained; written by `provision roll`."""

    digest: ImageDigest
    slot: Literal["a", "b"] = "a"


class NodeFields(Frozen):
    """What is said of a node, of a group of nodes, or of all nodes of a file; the more special word counts."""

    image: Name | None = Field(None, description="the image that it runs, by its name in images/images.yaml")
    channel: Name | None = Field(None, description="the channel it follows")
    digest: ImageDigest | None = Field(None, description="the digest it is pinned to, whatever its channel says")
    provider: Name | None = Field(None, description="where its machine is made: a name of `providers`")
    vm_class: Name | None = Field(None, alias="class", description="what its machine has: a name of `classes`")
    cluster: Name | None = Field(None, description="the cluster it belongs to: a name of `clusters`")
    role: Role | None = Field(None, description="what it is there; default: worker")
    zone: Name | None = Field(None, description="where its DNS records go: a name of `zones`")
    addresses: tuple[AddressRange, ...] | None = Field(
        None, description="its addresses, IPv4 or IPv6; for a range of nodes each is a range of as many, in order"
    )
    standby: tuple[AddressRange, ...] | None = Field(
        None, description="addresses of a second instance, which a roll starts before it drains the first"
    )
    mac: Mac | None = Field(None, description="hardware address of its first network card")
    aliases: tuple[Name, ...] | None = Field(None, description="further names of it in its zone (CNAME)")
    power: Power | None = Field(None, description='"On" or "Off", in quotes; default: "On"')
    canary: bool | None = Field(None, description="whether a roll begins with it")
    slot: Literal["a", "b"] | None = Field(
        None, description="which of its two instances runs; written by `provision roll`"
    )
    installed: ImageDigest | None = Field(
        None, description="what its machine was made from, where it upgraded itself since; written by `provision roll`"
    )
    upgrade: Name | None = Field(None, description="the run in which it upgraded itself; written by `provision roll`")
    retiring: Retiring | None = Field(None, description="its earlier instance; written by `provision roll`")
    absent: bool | None = Field(
        None, description="whether it has no machine at present, between two; written by `provision roll`"
    )
    leaving: bool | None = Field(
        None,
        description="whether it is being rolled away from its digest, which may be withdrawn; by `provision roll`",
    )
    labels: dict[LabelKey, Label] | None = Field(None, description="labels of the Kubernetes node")


class Group(NodeFields):
    """Nodes that have something in common."""

    extends: Name | None = Field(None, description="another group, whose values hold where this one says nothing")


class NodeEntry(NodeFields):
    """One node, or all nodes of a range."""

    group: Name | None = Field(None, description="the group it is of")


class Provider(Frozen):
    """A hypervisor that VirtRigaud drives; its Provider object with its credentials is the platform team's own."""

    type: ProviderType
    network: Name | None = Field(
        None,
        description="VMNetworkAttachment that machines are put into; without it vSphere takes the template's own "
        "network card, and libvirt a network that nobody reaches",
    )
    artifacts: Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~-]+)*$")] = (
        Field(description="where disks are served; the file is ARTIFACTS/IMAGE/SHA256.FORMAT")
    )
    storage: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/ -]+$", max_length=100)] | None = Field(
        None,
        description="datastore (vSphere), storage (Proxmox), or the storage pool of images (libvirt): `images` where "
        "none is named, and never `default`, which is the machines' own",
    )
    gateway: str | None = Field(None, description="IPv4 gateway of nodes with fixed addresses")
    prefix: int | None = Field(None, ge=1, le=32, description="length of the IPv4 network's prefix")
    nameservers: tuple[str, ...] = Field((), description="resolvers of nodes with fixed addresses")


class VmClass(Frozen):
    """What a machine has."""

    cpus: int = Field(ge=1, le=256, description="virtual processors")
    memory_mib: int = Field(ge=512, le=4_194_304, description="memory in MiB")
    disk_gib: int = Field(40, ge=4, le=65_536, description="size of the system disk in GiB")
    firmware: Literal["BIOS", "UEFI"] = "UEFI"
    secure_boot: bool = Field(False, description="only with UEFI")
    tpm: bool = Field(False, description="only with UEFI; VirtRigaud can name no version of it")


class Zone(Frozen):
    """A DNS zone that bindy serves; every field of its SOA record has to be known."""

    name: Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+$", max_length=200)]
    primary_ns: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9-]+\.)+$")] = Field(
        description="host name of the first name server, with the dot at its end"
    )
    admin_email: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9-]+\.)+$")] = Field(
        description="mailbox as a name, hostmaster.bank.example. for hostmaster@bank.example"
    )
    bind_cluster: Name = Field(description="the Bind9Cluster of bindy that serves it")
    serial: int = Field(1, ge=1, le=4_294_967_295, description="the SOA's first serial; bindy counts on")
    refresh: int = Field(3600, ge=1)
    retry: int = Field(600, ge=1)
    expire: int = Field(604_800, ge=1)
    negative_ttl: int = Field(300, ge=1)
    ttl: int = Field(300, ge=1, le=2_147_483_647, description="seconds that resolvers may keep a record")


class FleetFile(Frozen):
    """fleet/*.yaml. All files are read as one; a name may be given once, in whatever file."""

    version: Literal[1] = Field(description="of this file format")
    platform: Platform | None = Field(None, description="what is the same for all: Git, registries, keys; in one file")
    providers: dict[Name, Provider] = Field(default_factory=dict, description="hypervisors")
    classes: dict[Name, VmClass] = Field(default_factory=dict, description="what machines have")
    clusters: dict[Name, Cluster] = Field(default_factory=dict, description="Kubernetes clusters")
    zones: dict[Name, Zone] = Field(default_factory=dict, description="DNS zones")
    defaults: NodeFields = Field(NodeFields(), description="for every node of this file")
    groups: dict[Name, Group] = Field(default_factory=dict, description="values that nodes have in common")
    nodes: dict[str, NodeEntry] = Field(default_factory=dict, description="by name, or by a range: worker-[01-20]")
    overrides: dict[str, NodeFields] = Field(
        default_factory=dict, description="single values of nodes, of whatever file, that differ from all the above"
    )
