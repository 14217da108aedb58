"""The waves of a roll, out of the fleet alone: who is first, how many at a time, what each commit changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import assert_never

from imagekit.fleet.cluster import Roll, Strategy
from imagekit.fleet.fleet import Fleet, FleetNode
from imagekit.fleet.model import Role
from imagekit.oci.reference import Digest
from imagekit.provision.roll.model import Change, RollError, Step, Wave


def scope(
    fleet: Fleet, digests: Mapping[str, Digest | None], image: str, old: Digest, clusters: Sequence[str] = ()
) -> list[FleetNode]:
    """The nodes that a roll is about: those that run `old` now. Raises `RollError` where there are none."""
    for name in clusters:
        if name not in fleet.clusters:
            raise RollError(f"no cluster {name!r}", hint=f"Known: {', '.join(sorted(fleet.clusters))}.")
    found = [
        node
        for name, node in sorted(fleet.nodes.items())
        if node.managed and node.image == image and digests.get(name) == old
        if not clusters or node.cluster in clusters
    ]
    if not found:
        raise RollError(f"no node runs {image} {old}", hint="`imagekit fleet list` shows what each node runs.")
    return found


def waves(fleet: Fleet, nodes: Iterable[FleetNode]) -> tuple[Wave, ...]:
    """The waves for some nodes: cluster by cluster, by name; within one its canaries first.

    Raises `RollError` where a cluster's strategy cannot be followed.
    """
    by_cluster: dict[str, list[FleetNode]] = {}
    for node in nodes:
        by_cluster.setdefault(node.cluster or "", []).append(node)
    found: list[Wave] = []
    for name, members in sorted(by_cluster.items()):
        roll = fleet.clusters[name].roll
        found += _waves(name, roll, batches(roll, members))
    return tuple(found)


def batches(roll: Roll, nodes: Sequence[FleetNode]) -> list[tuple[FleetNode, ...]]:
    """Who goes together: canaries, workers by the batch, then controllers one by one, for etcd needs its majority."""
    workers = [node for node in nodes if node.role is not Role.CONTROLLER]
    marked = [node for node in workers if node.canary]
    canaries = marked or workers[: roll.canaries]
    rest = [node for node in workers if node not in canaries]
    chunks = [tuple(rest[at : at + roll.batch]) for at in range(0, len(rest), roll.batch)]
    controllers = [(node,) for node in nodes if node.role is Role.CONTROLLER]
    return [each for each in (tuple(canaries), *chunks, *controllers) if each]


def _waves(cluster: str, roll: Roll, groups: Sequence[tuple[FleetNode, ...]]) -> Iterator[Wave]:
    match roll.strategy:
        case Strategy.SURGE:
            yield from _surge(cluster, groups)
        case Strategy.RECREATE:
            for group in groups:
                yield _wave(cluster, (Change.REMOVE, group))
                yield _wave(cluster, (Change.CREATE, group))
        case Strategy.IN_PLACE:
            for group in groups:
                yield _wave(cluster, (Change.UPGRADE, group))
        case _:
            assert_never(roll.strategy)


def _surge(cluster: str, groups: Sequence[tuple[FleetNode, ...]]) -> Iterator[Wave]:
    """Each commit makes the new machines of one batch and removes the old ones of the batch before, drained by then."""
    for node in (node for group in groups for node in group):
        if node.addresses and not node.standby:
            raise RollError(
                f"{node.where}: {node.name!r} has one address, and a new machine beside the old one needs a second",
                hint="Give `standby` addresses, or let the cluster roll with `strategy: recreate`.",
            )
    before: tuple[FleetNode, ...] = ()
    for group in groups:
        yield _wave(cluster, (Change.REMOVE, before), (Change.CREATE, group))
        before = group
    if before:
        yield _wave(cluster, (Change.REMOVE, before))


def _wave(cluster: str, *steps: tuple[Change, Sequence[FleetNode]]) -> Wave:
    made = [Step(change=change, nodes=tuple(node.name for node in nodes)) for change, nodes in steps if nodes]
    return Wave(cluster=cluster, steps=tuple(made))
