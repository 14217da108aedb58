"""Pods leave by eviction, so that disruption budgets are kept; nodes as Kubernetes shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imagekit.kube.client import ApiError
from imagekit.provision.roll.drain import drain, undrain
from imagekit.provision.roll.health import Seen, seen_in, unwell
from imagekit.provision.roll.model import RollError


def pod(name: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "apps", **more}, "status": {"phase": "Running"}}


@dataclass
class Cluster:
    """An API server with the pods of one node; `budget` evictions are refused first."""

    pods: dict[str, dict[str, Any]]
    budget: int = 0
    nodes: tuple[str, ...] = ("w-1",)
    cordoned: list[str] = field(default_factory=list)
    evicted: list[str] = field(default_factory=list)
    at: datetime = datetime(2030, 1, 1, tzinfo=UTC)

    def get(self, path: str, **query: str) -> Any:
        assert path == "/api/v1/pods"
        assert query == {"fieldSelector": "spec.nodeName=w-1"}
        return {"items": list(self.pods.values())}

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        kind: str = "application/json",
    ) -> Any:
        name = path.rpartition("/")[2]
        if method == "PATCH":
            if name not in self.nodes:
                raise ApiError("not found", status=404, reason="NotFound")
            assert body is not None
            if body["spec"]["unschedulable"]:
                self.cordoned.append(name)
            else:
                self.cordoned.remove(name)
            return {}
        assert body is not None
        assert body["kind"] == "Eviction"
        if self.budget:
            self.budget -= 1
            raise ApiError("a budget", status=429, reason="TooManyRequests")
        self.evicted.append(body["metadata"]["name"])
        del self.pods[body["metadata"]["name"]]
        return {}

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def test_pods_are_evicted_until_none_is_left_and_budgets_are_kept() -> None:
    cluster = Cluster({"a": pod("a"), "b": pod("b")}, budget=3)
    drain(cluster, ["w-1"], cluster, seconds=600)
    assert (cluster.cordoned, sorted(cluster.evicted)) == (["w-1"], ["a", "b"])


def test_what_belongs_to_the_node_stays() -> None:
    owned = pod("ds", ownerReferences=[{"kind": "DaemonSet"}])
    mirror = pod("static", annotations={"kubernetes.io/config.mirror": "x"})
    ended = {**pod("job"), "status": {"phase": "Succeeded"}}
    cluster = Cluster({"ds": owned, "static": mirror, "job": ended})
    drain(cluster, ["w-1"], cluster, seconds=60)
    assert cluster.evicted == []


def test_a_node_that_kubernetes_does_not_know_has_no_pods() -> None:
    cluster = Cluster({}, nodes=())
    drain(cluster, ["w-1"], cluster, seconds=60)
    assert cluster.cordoned == []


def test_pods_are_let_in_again_and_a_node_that_is_gone_stops_nothing() -> None:
    cluster = Cluster({})
    drain(cluster, ["w-1"], cluster, seconds=60)
    undrain(cluster, ["w-0", "w-1"])
    assert cluster.cordoned == []


@pytest.mark.attack
def test_pods_that_stay_stop_the_roll() -> None:
    cluster = Cluster({"a": pod("a")}, budget=10_000)
    with pytest.raises(RollError, match="1 pods did not leave within 60 s: apps/a"):
        drain(cluster, ["w-1"], cluster, seconds=60)


def node(name: str, ready: str, **labels: str) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready, "message": "kubelet is posting"}]
    info = {"machineID": f"id-{name}"}
    return {
        "metadata": {"name": name, "labels": labels},
        "status": {"conditions": conditions, "nodeInfo": info},
    }


def test_nodes_are_well_by_their_ready_condition_alone() -> None:
    listed = [node("a", "True", **{"kairos.io/version": "v2"}), node("b", "False"), node("c", "Unknown"), {}]
    seen = seen_in(listed)
    assert seen["a"] == Seen(ready=True, version="v2", machine="id-a", detail="kubelet is posting")
    assert unwell(seen, ["a", "b", "c", "d"]) == ["b", "c", "d"], "what is not seen is not well"
