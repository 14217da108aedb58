"""How the nodes of clusters are, while a roll goes on: by their API servers, or by hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imagekit.provision.roll.health import HookHealth, Seen, seen_in

if TYPE_CHECKING:
    from imagekit.kube.client import Api


@dataclass(slots=True)
class KubernetesHealth:
    """Node readiness by the API servers of clusters; hooks for those that have some."""

    reach: Callable[[str], Api]
    hooks: HookHealth
    asked: dict[str, Api] = field(default_factory=dict)

    def look(self, cluster: str) -> Mapping[str, Seen]:
        """What hooks say where a cluster has health hooks, else what Kubernetes does."""
        if self.hooks.by_cluster.get(cluster):
            return self.hooks.look(cluster)
        return seen_in(self.api(cluster).get("/api/v1/nodes").get("items") or [])

    def api(self, cluster: str) -> Api:
        """The client of a cluster."""
        if cluster not in self.asked:
            self.asked[cluster] = self.reach(cluster)
        return self.asked[cluster]
