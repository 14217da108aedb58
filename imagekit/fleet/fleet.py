"""The fleet as a whole: every node with what defaults, groups and overrides say of it, every name resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from imagekit.fleet.cluster import Cluster
from imagekit.fleet.model import Power, Provider, Retiring, Role, VmClass, Zone
from imagekit.fleet.platform import Platform
from imagekit.oci.reference import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetNode:
    """A node of the fleet; `where` is the file and line that names it.

    A node without provider, class and cluster is only kept track of: nothing is rendered for it.
    """

    name: str
    where: str
    image: str
    channel: str | None = None
    digest: Digest | None = None
    provider: str | None = None
    vm_class: str | None = None
    cluster: str | None = None
    role: Role = Role.WORKER
    zone: str | None = None
    addresses: tuple[str, ...] = ()
    standby: tuple[str, ...] = ()
    mac: str | None = None
    aliases: tuple[str, ...] = ()
    power: Power = Power.ON
    canary: bool = False
    slot: str = "a"
    installed: str | None = None
    upgrade: str | None = None
    retiring: Retiring | None = None
    leaving: bool = False
    absent: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None

    @property
    def managed(self) -> bool:
        """Whether imagekit renders what makes this node."""
        return self.provider is not None

    @property
    def current_addresses(self) -> tuple[str, ...]:
        """The addresses of the instance that runs: those of its slot."""
        return self.standby if self.slot == "b" and self.standby else self.addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All fleet files together."""

    nodes: Mapping[str, FleetNode]
    providers: Mapping[str, Provider] = field(default_factory=dict)
    classes: Mapping[str, VmClass] = field(default_factory=dict)
    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    zones: Mapping[str, Zone] = field(default_factory=dict)
    platform: Platform | None = None

    def members(self, cluster: str) -> list[FleetNode]:
        """The nodes of a cluster, by name."""
        return [node for _, node in sorted(self.nodes.items()) if node.cluster == cluster]
