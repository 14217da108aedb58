"""Rendering and checking a made-up fleet: 500 nodes against the goal, 5,000 against ten times as much."""

from __future__ import annotations

from pathlib import Path

from imagekit.base.log import step
from imagekit.bench.cost import cost
from imagekit.bench.model import Bound, Goal, Row, median
from imagekit.bench.subject import BenchSubject
from imagekit.fleet.read import read_fleet_texts
from imagekit.oci.reference import Digest, Reference
from imagekit.provision.inputs import Inputs, Release, Vouched
from imagekit.provision.render import render
from imagekit.provision.write import write_tree

_SIZES = (500, 5000)
_ROUNDS = 3
_GOAL = Goal(limit=5.0, bound=Bound.VALUE)
_LINEAR = Goal(limit=12.0)  # ten times the nodes, with a little for noise
_DIGEST = Digest("sha256:" + "1f" * 32)
_SITE = """\
version: 1
platform: {registries: [registry.bank.example/kairos/], git: {url: "ssh://git@git.bank.example/fleet.git"}}
providers: {lab: {type: libvirt, artifacts: "https://artifacts.bank.example/disks"}}
classes: {worker: {cpus: 4, memory_mib: 8192}}
zones:
  lon: {name: lon.bank.example, primary_ns: ns1.bank.example., admin_email: host.bank.example., bind_cluster: lon}
clusters: {CLUSTERS}
groups: {all: {image: node, channel: prod, provider: lab, class: worker, zone: lon}}
nodes:
"""


def measure(bench: BenchSubject) -> list[Row]:
    """CPU seconds from fleet files to a tree, and of its check against the schemas of all kinds."""
    rows: list[Row] = []
    for count in _SIZES:
        with step(f"Rendering and checking {count} nodes"):
            rows += _rows(bench.scratch / f"fleet-{count}", count, rows)
    return rows


def _rows(folder: Path, count: int, before: list[Row]) -> list[Row]:
    text = fleet_text(count)
    spent = median(_rendered(text) for _ in range(_ROUNDS))
    write_tree(folder, render(inputs_of(text)))
    checked, note = _checked(folder)
    smaller = dict(zip(("render", "render and check"), (row.measured for row in before), strict=False))
    whole = None if checked is None else spent + checked
    return [
        _row("render", count, spent, smaller.get("render"), f"{count} nodes; median of {_ROUNDS}"),
        _row("render and check", count, whole, smaller.get("render and check"), note),
    ]


def _row(name: str, count: int, measured: float | None, smaller: float | None, note: str) -> Row:
    if count == _SIZES[0]:
        return Row(name=f"provision, {name} {count}", measured=measured, unit="CPU s", goal=_GOAL, note=note)
    return Row(
        name=f"provision, {name} {count}",
        measured=measured,
        unit="CPU s",
        against=f"{_SIZES[0]} nodes",
        reference=smaller,
        goal=_LINEAR,
        note=note,
    )


def _rendered(text: str) -> float:
    with cost() as taken:
        render(inputs_of(text))
    return taken.cpu_seconds


def _checked(folder: Path) -> tuple[float | None, str]:
    """CPU seconds of the check, the reading of all schemas included; None without schemas, which is no good number."""
    from imagekit.app.manifests import schemas_folder
    from imagekit.base.errors import ConfigError
    from imagekit.provision.check.check import check_tree
    from imagekit.provision.check.reading import read_tree
    from imagekit.provision.check.store import load_schemas

    try:
        with cost() as taken:
            report = check_tree(read_tree([folder]), load_schemas(schemas_folder(None, folder.parent)))
    except ConfigError as error:
        return None, f"{error}"
    return taken.cpu_seconds, f"{report.objects} objects, {report.errors} errors"


def fleet_text(count: int) -> str:
    """A fleet of so many nodes, 250 a cluster, each with its address."""
    clusters = ", ".join(f'c{index}: {{endpoint: "c{index}.bank.example"}}' for index in range((count + 249) // 250))
    lines = []
    for index in range((count + 249) // 250):
        last = min(250, count - 250 * index)
        lines.append(
            f'  "c{index}-worker-[001-{last:03}]": {{group: all, cluster: c{index}, '
            f'addresses: ["10.{index // 250}.{index % 250}.[1-{last}]"]}}'
        )
    return _SITE.replace("{CLUSTERS}", f"{{{clusters}}}") + "\n".join(lines) + "\n"


def inputs_of(text: str, digest: Digest = _DIGEST) -> Inputs:
    """What rendering needs, with one release for all nodes."""
    fleet = read_fleet_texts({"fleet/all.yaml": text})
    reference = Reference.parse(f"registry.bank.example/kairos/prod/node@{digest}")
    vouched = Vouched(image="node", version="v2030.101.0-g1f1f1f1", reference=reference, channels=frozenset({"prod"}))
    release = Release(image="node", version=vouched.version, k0s="v1.36.3+k0s.2", disks={"qcow2": "a" * 64})
    config = {"users": [{"name": "kairos", "ssh_authorized_keys": ["ssh-ed25519 AAAA ops@bank.example"]}]}
    return Inputs(
        fleet=fleet,
        digests=dict.fromkeys(fleet.nodes, digest),
        vouched={digest: vouched},
        releases={digest: release},
        cloud_configs={(name, "node"): config for name in fleet.clusters},
    )
