"""Nodes observed through a real API server."""

from __future__ import annotations

import pytest

from imagekit.kube.client import Api
from imagekit.observe.kubernetes import IMAGE_ANNOTATION, VERSION_LABEL, observe_cluster

pytestmark = pytest.mark.nightly(minutes=0.02)
DIGEST = "sha256:" + "a" * 64


def node(name: str, **metadata: dict[str, str]) -> dict[str, object]:
    """A Node object."""
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, **metadata}}


def test_nodes_are_seen_page_by_page(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagekit.observe.kubernetes._PAGE", "2")
    api.apply(node("seen-1", annotations={IMAGE_ANNOTATION: f"registry.example/prod/node@{DIGEST}"}))
    for number in range(2, 6):
        api.apply(node(f"seen-{number}", labels={VERSION_LABEL: f"v{number}"}))
    try:
        info = {"bootID": "b-1", "machineID": "m-1", "osImage": "Debian 13"}
        empty = dict.fromkeys(("architecture", "containerRuntimeVersion", "kernelVersion", "kubeProxyVersion"), "")
        more = dict.fromkeys(("kubeletVersion", "operatingSystem", "systemUUID"), "")
        api.call(
            "PATCH",
            "/api/v1/nodes/seen-1/status",
            body={"status": {"nodeInfo": {**empty, **more, **info}}},
            kind="application/merge-patch+json",
        )
        found = {each.node: each for each in observe_cluster(api, at=5, observer="me@here")}
        assert {f"seen-{number}" for number in range(1, 6)} <= found.keys()
        assert (found["seen-1"].digest, found["seen-1"].boot, found["seen-1"].machine) == (DIGEST, "b-1", "m-1")
        assert found["seen-4"].version == "v4"
    finally:
        for number in range(1, 6):
            api.delete("v1", "Node", "", f"seen-{number}")
