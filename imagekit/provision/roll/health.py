"""How the nodes of a cluster are: asked of Kubernetes or of hooks, and what that means for a roll."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from imagekit.base.text import one_line
from imagekit.fleet.cluster import Hook
from imagekit.provision.roll.hooks import HookError, Hooks


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A node as it is seen; `version` is the release that it says it runs, empty when it says none.

    `machine` tells one machine under a name from the next one (Kubernetes: the node's machine id).
    """

    ready: bool
    version: str = ""
    machine: str = ""
    detail: str = ""


class Health(Protocol):
    """Tells how nodes are."""

    def look(self, cluster: str) -> Mapping[str, Seen]:
        """Every node of a cluster that can be seen, by host name. Raises `ImagekitError` where nothing can be."""
        ...


@dataclass(frozen=True, slots=True)
class HookHealth:
    """Asks the health hooks of a cluster; a node is well when each of them that knows it says so."""

    hooks: Hooks
    by_cluster: Mapping[str, Sequence[Hook]]

    def look(self, cluster: str) -> Mapping[str, Seen]:
        """The worst that any hook says of each node."""
        found: dict[str, Seen] = {}
        for hook in self.by_cluster.get(cluster, ()):
            answer = self.hooks.ask(hook, "health", {"cluster": cluster})
            for host, seen in _nodes(answer, cluster).items():
                if host not in found or not seen.ready:
                    found[host] = seen
        return found


def _nodes(answer: Mapping[str, Any], cluster: str) -> dict[str, Seen]:
    said = answer.get("nodes")
    if not isinstance(said, dict) or not all(isinstance(each, dict) for each in said.values()):
        raise HookError(
            f"the health hook of {cluster} names no nodes", hint='It answers {"version": 1, "nodes": {...}}.'
        )
    return {
        str(host): Seen(
            ready=each.get("ready") is True,
            version=str(each.get("version") or ""),
            machine=str(each.get("machine") or ""),
            detail=one_line(str(each.get("detail") or "")),
        )
        for host, each in said.items()
    }


def seen_in(nodes: Iterable[Mapping[str, Any]]) -> dict[str, Seen]:
    """Nodes as Kubernetes lists them. What a node says of its version confirms and proves nothing."""
    found = {}
    for each in nodes:
        metadata, status = each.get("metadata") or {}, each.get("status") or {}
        conditions = {one.get("type"): one for one in status.get("conditions") or []}
        ready = conditions.get("Ready") or {}
        info, labels = status.get("nodeInfo") or {}, metadata.get("labels") or {}
        found[str(metadata.get("name"))] = Seen(
            ready=ready.get("status") == "True",
            version=str(labels.get("kairos.io/version") or ""),
            machine=str(info.get("machineID") or metadata.get("uid") or ""),
            detail=one_line(str(ready.get("message") or "")),
        )
    return found


def unwell(seen: Mapping[str, Seen], hosts: Iterable[str]) -> list[str]:
    """Which of some hosts are not seen to be well; one that is not seen at all is not."""
    return sorted(host for host in hosts if host not in seen or not seen[host].ready)
