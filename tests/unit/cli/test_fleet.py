"""The commands of a fleet, from the command line of a project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from imagekit.cli import cli
from tests.support.fleetsite import FleetSite, open_fleet_site
from tests.support.registry import simulated_registry


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetSite]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    with simulated_registry() as simulator:
        yield open_fleet_site(tmp_path, simulator)


def ask(fleet: FleetSite, *words: str) -> Result:
    return CliRunner().invoke(cli, ["--project", str(fleet.root), *words])


def test_from_a_fleet_file_to_a_roll(fleet: FleetSite) -> None:
    old = fleet.publish("v1", "prod")
    assert ask(fleet, "fleet", "check").stdout == "good: 4 nodes, 4 of them with a place, in 1 clusters\n"
    listed = ask(fleet, "fleet", "list").stdout
    assert f"w-1   risk     worker  lab       node   prod     {old.short}  10.0.0.1" in listed
    shown = json.loads(ask(fleet, "fleet", "show", "w-2").stdout)
    assert (shown["digest"], shown["addresses"], shown["where"]) == (str(old), ["10.0.0.2"], "fleet/site.yaml:14")
    first = ask(fleet, "provision", "render")
    assert first.exit_code == 0, first.output
    assert "+ machines/risk/node-w-1.yaml" in first.stdout
    assert ask(fleet, "provision", "render", "--check").exit_code == 0
    fleet.commit("rendered")
    new = fleet.publish("v2", "prod")
    assert ask(fleet, "provision", "render", "--check").exit_code == 1
    assert f"w-3  risk  machine replaced  {old.short} -> {new.short}" in ask(fleet, "provision", "plan").stdout
    waves = ask(fleet, "provision", "roll", "--from", str(old), "--to", str(new), "--dry-run").stdout
    assert "  1  remove w-1 of risk\n" in waves
    assert ask(fleet, "provision", "roll", "--from", str(old), "--to", str(new)).exit_code == 0
    assert len(fleet.log()) == 13, "six waves, one commit each"
    assert ask(fleet, "provision", "plan").stdout == ""
    back = ask(fleet, "provision", "roll", "--back", "--at-once")
    assert f"every node of the roll is meant to run {old.short} again" in back.stdout


def test_what_cannot_be_asked_is_told(fleet: FleetSite) -> None:
    for words in (["--resume", "--back"], ["--from", "sha256:" + "0" * 64], ["--at-once"], []):
        found = ask(fleet, "provision", "roll", *words)
        assert "say what to roll" in str(found.exception), words


def test_nodes_without_a_place_are_named(fleet: FleetSite) -> None:
    fleet.publish("v1", "prod")
    (fleet.root / "fleet" / "old.yaml").write_text("version: 1\nnodes:\n  printer: {image: node, channel: prod}\n")
    assert "have no provider, class and cluster: printer" in ask(fleet, "provision", "render").stderr


def test_a_table_is_imported_and_no_file_is_overwritten(fleet: FleetSite, tmp_path: Path) -> None:
    table = tmp_path / "nodes.csv"
    table.write_text("name,addresses\nx-1,10.9.0.1\nx-2,10.9.0.2\n")
    out = fleet.root / "fleet" / "imported.yaml"
    words = ["fleet", "import", "--csv", str(table), "--image", "node", "--channel", "prod", "--out", str(out)]
    assert ask(fleet, *words).exit_code == 0
    assert '"x-[1-2]": {image: node, channel: prod, addresses: ["10.9.0.[1-2]"]}' in out.read_text()
    assert "is there already" in str(ask(fleet, *words).exception)
    assert "6 nodes" in ask(fleet, "fleet", "check").stdout
