"""What a roll reaches the world through, and which machines, hosts and digests its waves are about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from imagekit.fleet.cluster import Roll, Strategy
from imagekit.fleet.fleet import Fleet, FleetNode
from imagekit.oci.reference import Digest
from imagekit.provision.names import host_name, instance_name
from imagekit.provision.roll.health import Health
from imagekit.provision.roll.hooks import Hooks
from imagekit.provision.roll.model import Change, RollRecord, Wave


class Clock(Protocol):
    """Time, and waiting for it."""

    def now(self) -> datetime:
        """This moment, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a roll reaches the world through.

    `commit` writes a record, and what it says of the nodes, as one commit. `versions` are the releases of the old and
    the new digest. `drains` empty hosts of their pods, by cluster, and `undrains` let pods in again where the machine
    stays after all; where a cluster has none, hooks do. `fleet` is the fleet as it was before this roll. `permit`
    raises `RollError` where the change record that the roll goes by does not hold (any more).
    """

    fleet: Fleet
    versions: tuple[str, str]
    commit: Callable[[RollRecord, str], None]
    health: Health
    hooks: Hooks
    clock: Clock
    drains: Mapping[str, Callable[[Sequence[str]], None]] = field(default_factory=dict)
    undrains: Mapping[str, Callable[[Sequence[str]], None]] = field(default_factory=dict)
    permit: Callable[[RollRecord], None] = lambda _record: None
    wait_for_window: bool = False

    def roll(self, wave: Wave) -> Roll:
        """How the nodes of a wave's cluster are replaced."""
        return self.fleet.clusters[wave.cluster].roll

    def host(self, name: str, change: Change, wave: Wave) -> str:
        """The host that a wave makes, removes or upgrades for a node."""
        node, strategy = self.fleet.nodes[name], self.roll(wave).strategy
        return new_host(node, strategy) if (change is Change.CREATE) is not wave.back else host_name(name, node.slot)

    def hosts(self, wave: Wave, *changes: Change) -> set[str]:
        """The hosts that a wave makes, removes or upgrades."""
        return {self.host(name, change, wave) for change in changes for name in wave.nodes(change)}

    def version(self, wave: Wave) -> str:
        """What the nodes of a wave run when it is done."""
        return self.versions[0] if wave.back else self.versions[1]


def new_host(node: FleetNode, strategy: Strategy) -> str:
    """The host name of a node's next machine: that of its other slot where both stand side by side."""
    return host_name(node.name, ("b" if node.slot == "a" else "a") if strategy is Strategy.SURGE else node.slot)


def standing(record: RollRecord, cluster: str, around: Around) -> set[str]:
    """The hosts of a cluster that there ought to be with the waves that are in effect."""
    waves = record.waves[: record.standing]
    gone = {name for wave in waves for name in wave.nodes(Change.REMOVE)}
    made = {name for wave in waves for name in wave.nodes(Change.CREATE)}
    strategy = around.fleet.clusters[cluster].roll.strategy
    found = set()
    for node in around.fleet.members(cluster):
        if node.name not in gone and not node.absent:
            found.add(host_name(node.name, node.slot))
        if node.name in made:
            found.add(new_host(node, strategy))
    return found


def described(wave: Wave) -> str:
    """What a wave does, in words."""
    back = "take back: " if wave.back else ""
    return back + "; ".join(f"{step.change} {some(step.nodes)} of {wave.cluster}" for step in wave.steps)


def some(names: Sequence[str]) -> str:
    """A few names, or how many there are."""
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} others"


def question(record: RollRecord, wave: Wave, around: Around) -> Mapping[str, Any]:
    """What a hook is told of a wave; the contract is docs/provisioning.md's."""
    old, new = (record.new, record.old) if wave.back else (record.old, record.new)
    return {
        "roll": {
            "id": record.id,
            "image": record.image,
            "from": old,
            "to": new,
            "version": around.version(wave),
            "back": wave.back,
        },
        "wave": {
            "cluster": wave.cluster,
            "of": len(record.waves),
            "nodes": [
                {"change": step.change.value, **_machine(record, name, step.change, wave, around)}
                for step in wave.steps
                for name in step.nodes
            ],
        },
    }


def _machine(record: RollRecord, name: str, change: Change, wave: Wave, around: Around) -> dict[str, Any]:
    node, host = around.fleet.nodes[name], around.host(name, change, wave)
    slot = host.removeprefix(name).removeprefix("-") or "a"
    made_new = (change is Change.CREATE) is not wave.back and change is not Change.UPGRADE
    digest = Digest(record.new if made_new else node.installed or record.old)
    addresses = node.standby if slot == "b" and node.standby else node.addresses
    return {"node": name, "host": host, "machine": instance_name(name, slot, digest), "addresses": list(addresses)}
