"""A fleet and a live cluster, which is a stub here: nodes imported, their readiness asked, what goes is drained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from imagekit.app.fleetimport import imported_text
from imagekit.app.rolling import begin, planned, surroundings
from imagekit.fleet.read import read_fleet_texts
from imagekit.provision.roll.model import Phase
from tests.support.fleetsite import FleetSite, open_fleet_site
from tests.support.registry import simulated_registry


class Api:
    """The nodes that the checked-out tree makes, all ready."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls: list[tuple[str, str]] = []

    def get(self, path: str, **_query: str) -> Any:
        if path == "/api/v1/pods":
            return {"items": []}
        assert path == "/api/v1/nodes"
        lines = (self.root / "provision" / "nodes.jsonl").read_text().splitlines()
        hosts = [json.loads(line)["machine"].rpartition("-")[0] for line in lines]
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        return {"items": [{"kind": "Node", "metadata": {"name": host}, "status": ready} for host in hosts]}

    def call(self, method: str, path: str, **_more: Any) -> Any:
        self.calls.append((method, path))
        return {}


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetSite]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    with simulated_registry() as simulator:
        yield open_fleet_site(tmp_path, simulator)


@pytest.fixture
def api(fleet: FleetSite, monkeypatch: pytest.MonkeyPatch) -> Api:
    made = Api(fleet.root)

    @contextmanager
    def session(access: Path) -> Iterator[Api]:
        assert access.name == "risk.kubeconfig"
        yield made

    monkeypatch.setattr("imagekit.kube.client.session", session)
    monkeypatch.setattr("imagekit.kube.kubeconfig.read_kubeconfig", lambda path: path)
    return made


def test_nodes_of_a_cluster_become_a_fleet_file(fleet: FleetSite, api: Api) -> None:
    fleet.publish("v1", "prod")
    fleet.render()
    text = imported_text(None, None, Path("risk.kubeconfig"), {"image": "node", "channel": "prod"})
    assert sorted(read_fleet_texts({"fleet/a.yaml": text}).nodes) == ["w-1", "w-2", "w-3", "w-4"]


def test_a_roll_asks_the_cluster_and_drains_what_goes(fleet: FleetSite, api: Api) -> None:
    path = fleet.root / "fleet" / "site.yaml"
    path.write_text(path.read_text().replace(", hooks: {health: [{run: hooks/health}]}", ""))
    old = fleet.publish("v1", "prod")
    fleet.render()
    new = fleet.publish("v2", "prod")
    record = planned(fleet.site, old, new)
    with surroundings(fleet.site, record, {"risk": Path("risk.kubeconfig")}, wait=False) as around:
        assert begin(record, around).phase is Phase.DONE
    assert api.calls == [("PATCH", f"/api/v1/nodes/w-{number}") for number in (1, 2, 3, 4)]
