"""imagekit fleet"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.fleet.fleet import FleetNode
    from imagekit.oci.reference import Digest


@click.group("fleet")
def command() -> None:
    """List, check and import the nodes that follow the channels."""


@command.command("list")
@click.option("--cluster", help="Only nodes of this cluster.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_nodes(app: App, cluster: str | None, as_json: bool) -> None:
    """List every node with its place and the digest that it is meant to run."""
    import json

    nodes, digests = _known(app)
    rows = [node for _, node in sorted(nodes.items()) if cluster is None or node.cluster == cluster]
    if as_json:
        say(json.dumps([_row(node, digests.get(node.name)) for node in rows], indent=2))
        return
    lines = [("node", "cluster", "role", "provider", "image", "follows", "digest", "addresses")]
    for node in rows:
        digest = digests.get(node.name)
        lines.append(
            (
                node.name,
                node.cluster or "-",
                node.role.value if node.cluster else "-",
                node.provider or "-",
                node.image,
                node.channel or "pinned",
                digest.short if digest else "none",
                " ".join(node.current_addresses) or "-",
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        say("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


@command.command("show")
@click.argument("node")
@click.pass_obj
def show(app: App, node: str) -> None:
    """Show all that the fleet files say of NODE, and where."""
    import json

    from imagekit.base.errors import ConfigError
    from imagekit.config.explain import suggestion

    nodes, digests = _known(app)
    if node not in nodes:
        raise ConfigError(f"no node {node!r}", hint=suggestion(node, nodes) or "`imagekit fleet list` shows all.")
    say(json.dumps(_row(nodes[node], digests.get(node)), indent=2))


@command.command("check")
@click.pass_obj
def check(app: App) -> None:
    """Read every fleet file and say what is wrong with the first bad one, with file and line."""
    from imagekit.app.provisioning import fleet_root
    from imagekit.fleet.read import read_fleet_files

    fleet = read_fleet_files(fleet_root(app.project))
    managed = sum(node.managed for node in fleet.nodes.values())
    say(f"good: {len(fleet.nodes)} nodes, {managed} of them with a place, in {len(fleet.clusters)} clusters")


@command.command("import")
@click.option("--csv", "table", type=click.Path(path_type=Path, dir_okay=False), help="A table with a line of names.")
@click.option(
    "--nodes",
    "listing",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What `kubectl get nodes -o json` prints, in a file.",
)
@click.option("--kubeconfig", type=click.Path(path_type=Path, dir_okay=False), help="A cluster that exists.")
@click.option("--image", help="The image of nodes that say none.")
@click.option("--channel", help="The channel of nodes that say none.")
@click.option("--cluster", help="The cluster of nodes that say none.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write.  [default: print it]")
@click.pass_obj
def import_nodes(
    app: App,
    table: Path | None,
    listing: Path | None,
    kubeconfig: Path | None,
    image: str | None,
    channel: str | None,
    cluster: str | None,
    out: Path | None,
) -> None:
    """Write a fleet file out of a CSV table, a list of Kubernetes nodes or a live cluster.

    Columns: name, image, channel, digest, provider, class, cluster, role, zone, addresses (blanks between), mac,
    canary. Nodes in a row become one line with a range. A file that exists is not overwritten.
    """
    from imagekit.app.fleetimport import imported_text

    defaults = {"image": image, "channel": channel, "cluster": cluster}
    text = imported_text(table, listing, kubeconfig, {key: value for key, value in defaults.items() if value})
    if out is None:
        say(text, nl=False)
        return
    from imagekit.base.errors import ConfigError
    from imagekit.base.files import write_whole

    if out.exists():
        raise ConfigError(f"{out} is there already", hint="Give another name, and merge the two by hand.")
    write_whole(out, text)
    say(f"written to {out}", err=True)


def _known(app: App) -> tuple[dict[str, FleetNode], dict[str, Digest | None]]:
    from imagekit.app.provisioning import decided_of, fleet_root
    from imagekit.fleet.read import read_fleet_files
    from imagekit.fleet.resolve import digests_of

    fleet = read_fleet_files(fleet_root(app.project))
    return dict(fleet.nodes), digests_of(fleet, decided_of(app.project).channels)


def _row(node: FleetNode, digest: Digest | None) -> dict[str, object]:
    from dataclasses import fields

    found = {each.name: getattr(node, each.name) for each in fields(node)}
    plain = {key: value for key, value in found.items() if value not in (None, (), {}, False)}
    return {**plain, "digest": str(digest) if digest else None, "managed": node.managed}
