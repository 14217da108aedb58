"""What must hold of a fleet as a whole: names that exist, addresses that are one node's alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from imagekit.base.errors import ConfigError
from imagekit.config.explain import suggestion
from imagekit.fleet.cluster import Strategy
from imagekit.fleet.fleet import Fleet, FleetNode


def require_sound(fleet: Fleet) -> None:
    """Raise `ConfigError` for the first node that names what is not there, or has what another one has."""
    taken: dict[str, str] = {}
    for name, node in fleet.nodes.items():
        _require_source(node)
        _require_names(fleet, node)
        _require_place(node)
        for what in _claims(fleet, node):
            if what in taken:
                raise ConfigError(
                    f"{node.where}: {what} of {name!r} is {taken[what]!r}'s already",
                    hint="Two nodes with one address take it from each other.",
                )
            taken[what] = name


def _require_source(node: FleetNode) -> None:
    if node.channel is None and node.digest is None:
        raise ConfigError(
            f"{node.where}: node {node.name!r}: a node follows a channel or is pinned to a digest",
            hint="Give `channel` or `digest`, here or in a group.",
        )


def _require_names(fleet: Fleet, node: FleetNode) -> None:
    asked: tuple[tuple[str, str | None, Mapping[str, object]], ...] = (
        ("provider", node.provider, fleet.providers),
        ("class", node.vm_class, fleet.classes),
        ("cluster", node.cluster, fleet.clusters),
        ("zone", node.zone, fleet.zones),
    )
    for kind, name, known in asked:
        if name is not None and name not in known:
            hint = suggestion(name, known) or f"Known: {', '.join(sorted(known)) or 'none'}."
            raise ConfigError(f"{node.where}: node {node.name!r}: no {kind} {name!r}", hint=hint)


def _require_place(node: FleetNode) -> None:
    """Nothing, or provider, class and cluster together; what a half-described node would become is nobody's guess."""
    named = {"provider": node.provider, "class": node.vm_class, "cluster": node.cluster}
    missing = [kind for kind, name in named.items() if name is None]
    if 0 < len(missing) < len(named):
        raise ConfigError(
            f"{node.where}: node {node.name!r} has no {' and no '.join(missing)}",
            hint="A node has provider, class and cluster, or none of them and is only kept track of.",
        )
    if node.standby and len(node.standby) != len(node.addresses):
        raise ConfigError(
            f"{node.where}: node {node.name!r} has {len(node.standby)} standby addresses for {len(node.addresses)}"
        )
    if node.aliases and node.zone is None:
        raise ConfigError(f"{node.where}: node {node.name!r} has aliases and no zone to put them in")


def _claims(fleet: Fleet, node: FleetNode) -> Iterator[str]:
    """What only one node may have."""
    for address in (*node.addresses, *node.standby):
        yield f"address {address}"
    yield f"host name {node.name}"
    if node.cluster is not None and fleet.clusters[node.cluster].roll.strategy is Strategy.SURGE:
        yield f"host name {node.name}-b"
    if node.mac is not None:
        yield f"hardware address {node.mac.lower()}"
    if node.zone is not None:
        zone = fleet.zones[node.zone].name
        for name in node.aliases:
            yield f"name {name}.{zone}"
        yield f"name {node.name}.{zone}"
