"""A cluster: how its control plane is made, what runs in it, and how its nodes are replaced."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from imagekit.config.model import Frozen, Name
from imagekit.fleet.platform import Interval


def _network(text: str) -> str:
    ip_network(text)
    return text


Network = Annotated[str, AfterValidator(_network)]
AddressPool = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f.:]+(/[0-9]{1,3}|-[0-9A-Fa-f.:]+)$")]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$", max_length=253)]
Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
HookCommand = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]+$", max_length=300)]


class Manager(StrEnum):
    """Who makes the cluster."""

    K0SMOTRON = "k0smotron"
    K0RDENT = "k0rdent"


class ControlPlane(StrEnum):
    """Where the control plane runs: as pods of the management cluster, or on machines of its own."""

    HOSTED = "hosted"
    MACHINES = "machines"


class Template(StrEnum):
    """The usual clusters; a cluster says only what differs."""

    TRADING_DESK = "trading-desk"
    RISK_COMPUTE = "risk-compute"
    TOOLING = "tooling"


class Strategy(StrEnum):
    """How a node gets another image."""

    SURGE = "surge"  # the new machine first, then the old one is drained and removed
    RECREATE = "recreate"  # the old machine is drained and removed first: it has the node's only address
    IN_PLACE = "in-place"  # the node upgrades itself, by a NodeOpUpgrade of the Kairos operator


class Day(StrEnum):
    """Days of a maintenance window."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class Window(Frozen):
    """When a wave may begin; `until` before `from` goes over midnight, and counts to the day it began."""

    days: tuple[Day, ...] = Field(tuple(Day), min_length=1)
    begins: Clock = Field(alias="from")
    ends: Clock = Field(alias="until")
    zone: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+/-]+$")] = Field(
        "UTC", description="time zone of the clock, as Europe/London"
    )


class Hook(Frozen):
    """A program, or a Python entry point, that is asked before or after each wave; see docs/provisioning.md."""

    run: HookCommand | None = Field(None, description="executable of the project, a path; no shell, no arguments")
    entry_point: Name | None = Field(None, description="name of an entry point of the group imagekit.hooks")
    timeout: Interval = Field("5m", description="how long it may take")


class Hooks(Frozen):
    """What is asked when."""

    before: tuple[Hook, ...] = Field((), description="before the commit of a wave, e.g. drain its nodes")
    after: tuple[Hook, ...] = Field((), description="when the wave's nodes are ready, e.g. run a smoke test")
    health: tuple[Hook, ...] = Field((), description="tells which nodes are well; default: the nodes' Ready condition")


class Roll(Frozen):
    """How the nodes of a cluster are replaced."""

    strategy: Strategy = Strategy.RECREATE
    batch: int = Field(1, ge=1, le=1000, description="nodes of one wave, after the canaries")
    canaries: int = Field(1, ge=0, le=100, description="nodes of the first wave, where none is marked as a canary")
    soak: Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,4}[smhd])$")] = Field(
        "10m", description="how long a wave must be well before the next one begins"
    )
    ready_within: Interval = Field("30m", description="how long new nodes may take to become ready")
    unhealthy: int = Field(0, ge=0, le=1000, description="nodes of the cluster that may be unwell beyond those before")
    windows: tuple[Window, ...] = Field((), description="when waves may begin; default: at any time")
    hooks: Hooks = Hooks()


class Services(Frozen):
    """What k0rdent puts into a cluster, by the names of its ServiceTemplates."""

    metallb: Name | None = Field(None, description="ServiceTemplate of MetalLB, with its version in the name")
    traefik: Name | None = Field(None, description="ServiceTemplate of Traefik, with its version in the name")
    pools: tuple[AddressPool, ...] = Field((), description="addresses that MetalLB gives to services")
    ingress_class: Name = "traefik"


class Cluster(Frozen):
    """A cluster of the fleet."""

    template: Template | None = Field(None, description="the usual cluster it is like; what stands here differs")
    manager: Manager = Manager.K0SMOTRON
    control_plane: ControlPlane = ControlPlane.HOSTED
    replicas: int = Field(3, ge=1, le=7, description="instances of a hosted control plane; odd")
    endpoint: Host | None = Field(None, description="host name or address of its API")
    port: int = Field(6443, ge=1, le=65535)
    pods: Network = "10.244.0.0/16"
    services_network: Network = "10.96.0.0/12"
    ssh_secret: Name = Field("node-ssh-key", description="Secret with the SSH key (key `value`) that reaches the nodes")
    ssh_user: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] = "kairos"
    token_expiry: Interval = Field("24h", description="how long a join token is good for")
    join_tokens: bool = Field(False, description="whether a join token is made for nodes that nothing reaches over SSH")
    pooled: bool = Field(False, description="whether workers are taken out of a pool, instead of one machine each")
    credential: Name | None = Field(None, description="k0rdent Credential; default: CLUSTER-credential")
    cluster_template: Name | None = Field(None, description="k0rdent ClusterTemplate, as remote-cluster-1-0-38")
    services: Services = Services()
    cloud_config: tuple[str, ...] = Field(
        (), description="cloud-config files of the project for its nodes, merged in this order; default: the image's"
    )
    labels: dict[str, str] = Field(default_factory=dict, description="labels of its nodes")
    roll: Roll = Roll()
