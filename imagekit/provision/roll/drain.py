"""Pods leave a node before it goes: cordoned, then evicted, so that disruption budgets are kept.

https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/: 429 means that a budget does not allow it now.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from imagekit.base.errors import ImagekitError
from imagekit.kube.client import ApiError
from imagekit.provision.roll.around import Clock
from imagekit.provision.roll.model import RollError

logger = logging.getLogger(__name__)
_POLL = 5.0
_MERGE = "application/merge-patch+json"
_MIRROR = "kubernetes.io/config.mirror"


class Calls(Protocol):
    """What of an API server is needed; `imagekit.kube.client.Api` is one."""

    def get(self, path: str, **query: str) -> Any:
        """What is at a path."""
        ...

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        kind: str = "application/json",
    ) -> Any:
        """One request."""
        ...


def drain(api: Calls, hosts: Iterable[str], clock: Clock, *, seconds: int) -> None:
    """Empty nodes; one that Kubernetes does not know has no pods. Raises `RollError` when some stay too long."""
    names = list(hosts)
    for host in names:
        _cordon(api, host, True)
    end = clock.now().timestamp() + seconds
    while True:
        left = [
            f"{pod['metadata']['namespace']}/{pod['metadata']['name']}" for host in names for pod in _pods(api, host)
        ]
        if not left:
            return
        if clock.now().timestamp() >= end:
            raise RollError(
                f"{len(left)} pods did not leave within {seconds} s: {', '.join(left[:5])}",
                hint="A disruption budget holds them, or they do not stop. See to it, then --resume.",
            )
        for pod in left:
            _evict(api, *pod.split("/"))
        clock.sleep(_POLL)


def undrain(api: Calls, hosts: Iterable[str]) -> None:
    """Let pods in again. What fails is told and raises nothing: it follows an error that matters more."""
    for host in hosts:
        try:
            _cordon(api, host, False)
        except ImagekitError as error:
            logger.warning("%s is still cordoned: %s", host, error)


def _cordon(api: Calls, host: str, closed: bool) -> None:
    try:
        api.call("PATCH", f"/api/v1/nodes/{host}", body={"spec": {"unschedulable": closed}}, kind=_MERGE)
    except ApiError as error:
        if error.status != 404:
            raise


def _pods(api: Calls, host: str) -> list[Mapping[str, Any]]:
    """The pods that have to leave: none of a DaemonSet, of the kubelet's own, or that ended."""
    items = api.get("/api/v1/pods", fieldSelector=f"spec.nodeName={host}").get("items") or []
    return [pod for pod in items if _leaves(pod)]


def _leaves(pod: Mapping[str, Any]) -> bool:
    metadata = pod["metadata"]
    owners = {each.get("kind") for each in metadata.get("ownerReferences") or []}
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return not (ended or "DaemonSet" in owners or _MIRROR in (metadata.get("annotations") or {}))


def _evict(api: Calls, namespace: str, name: str) -> None:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace}}
    try:
        api.call("POST", f"/api/v1/namespaces/{namespace}/pods/{name}/eviction", body=body)
    except ApiError as error:
        if error.status not in (404, 429):
            raise
