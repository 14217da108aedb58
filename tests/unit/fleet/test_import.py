"""Fleet files out of CSV tables and lists of Kubernetes nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imagekit.app.fleetimport import imported_text
from imagekit.base.errors import ConfigError, ImagekitError
from imagekit.fleet.imports import rows_of_csv, rows_of_nodes
from imagekit.fleet.read import read_fleet_texts
from imagekit.fleet.write import fleet_text

TABLE = """\
name,image,channel,provider,class,cluster,role,addresses,canary
tdc-worker-01,node,prod,esx,worker-m,tdc,worker,10.20.0.11,
tdc-worker-02,node,prod,esx,worker-m,tdc,worker,10.20.0.12,
tdc-worker-03,node,prod,esx,worker-m,tdc,worker,10.20.0.13,
tdc-worker-04,node,prod,esx,worker-m,tdc,worker,10.20.0.19,yes
tdc-controller-1,node,prod,esx,worker-m,tdc,controller,10.20.0.1 2001:db8::1,
"""
DEFINITIONS = """\
version: 1
providers: {esx: {type: vsphere, artifacts: "https://a.example/d"}}
classes: {worker-m: {cpus: 2, memory_mib: 2048}}
clusters: {tdc: {endpoint: tdc.example}}
"""


def test_a_table_becomes_ranges_and_reads_back() -> None:
    text = fleet_text(rows_of_csv(TABLE, Path("t.csv"), {}), head="Imported.")
    assert '  "tdc-worker-[01-03]": {image: node, channel: prod, provider: esx, class: worker-m, cluster: tdc, ' in text
    fleet = read_fleet_texts({"fleet/a.yaml": DEFINITIONS, "fleet/b.yaml": text})
    assert fleet.nodes["tdc-worker-02"].addresses == ("10.20.0.12",)
    assert fleet.nodes["tdc-worker-04"].canary
    assert fleet.nodes["tdc-controller-1"].addresses == ("10.20.0.1", "2001:db8::1")


def test_500_rows_are_one_line() -> None:
    rows = [f"w-{number:03},node,prod,10.1.{number // 250}.{number % 250}" for number in range(500)]
    text = fleet_text(rows_of_csv("name,image,channel,addresses\n" + "\n".join(rows), Path("t"), {}), head="x")
    assert len(text.splitlines()) == 5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,imgae\na,b\n", "t.csv:1: unknown column 'imgae'"),
        ("image\nnode\n", "t.csv:1: the first line names"),
        ("name,name\na,b\n", "t.csv:1: the first line names"),
        ("", "t.csv:1: the first line names"),
        ("name,image\na\n", "t.csv:2: 1 cells, and 2 columns"),
        ("name,image\na,node\n\na,node\n", "t.csv:4: node 'a' stands in line 2"),
        ("name,image\n,node\n", "t.csv:2: a node without a name"),
        ("name,canary\na,perhaps\n", "t.csv:2: canary"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        rows_of_csv(text, Path("t.csv"), {"image": "node", "channel": "dev"})


def node(name: str, *addresses: str, **labels: str) -> dict[str, Any]:
    said = [{"type": "InternalIP", "address": each} for each in addresses]
    return {"kind": "Node", "metadata": {"name": name, "labels": labels}, "status": {"addresses": said}}


def test_kubernetes_nodes_become_nodes() -> None:
    plane = {"node-role.kubernetes.io/control-plane": ""}
    listed = {"items": [node("w-1.lan", "10.0.0.1"), node("w-2", "10.0.0.2"), node("c-1", "10.0.0.9", **plane)]}
    rows = rows_of_nodes(json.dumps(listed), "nodes", {"image": "node", "channel": "prod"})
    fleet = read_fleet_texts({"fleet/a.yaml": fleet_text(rows, head="x")})
    assert fleet.nodes["w-1"].addresses == ("10.0.0.1",)
    assert fleet.nodes["c-1"].role.value == "controller"


def test_what_a_node_says_of_its_image_is_not_taken() -> None:
    listed = {"items": [node("w-1", **{"kairos.io/version": "v9", "imagekit.dev/digest": "x"})]}
    [row] = rows_of_nodes(json.dumps(listed), "nodes", {})
    assert row == {"name": "w-1"}


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"items": [1]}', '{"items": [{"kind": "Pod"}]}', "garbage", '{"items": 1}']
)
def test_what_is_no_list_of_nodes_is_refused(text: str) -> None:
    with pytest.raises(ImagekitError):
        rows_of_nodes(text, "nodes", {})


def test_one_source_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="one source"):
        imported_text(None, None, None, {})
    with pytest.raises(ConfigError, match="one source"):
        imported_text(tmp_path, tmp_path, None, {})


def test_an_import_that_is_no_fleet_is_not_given_out(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("name,image,addresses\nw-1,node,10.0.0.300\n")
    with pytest.raises(ConfigError, match="IP address"):
        imported_text(table, None, None, {})
    table.write_text("name,image\n")
    with pytest.raises(ConfigError, match="no nodes"):
        imported_text(table, None, None, {})
