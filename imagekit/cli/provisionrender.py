"""imagekit provision render"""

from __future__ import annotations

from pathlib import Path

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("render")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the tree.  [default: platform.git.path of the fleet files, else provision]",
)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit code 1 where the folder differs.")
@click.pass_context
def render(ctx: click.Context, out: Path | None, only_check: bool) -> None:
    """Write the tree that Flux applies, out of fleet files, channel files, ledger and fleet.lock.

    The same inputs give the same bytes. Refused: digests that no record of the ledger let into the node's channel,
    withdrawn ones, and what a system that reads the tree would refuse or ignore. Nothing is written then.
    """
    from imagekit.app.provisioning import fleet_root, inputs_of, tree_folder
    from imagekit.provision.render import render as rendered
    from imagekit.provision.write import compare, write_tree

    app: App = ctx.obj
    inputs = inputs_of(app.project)
    tree = rendered(inputs)
    folder = out or fleet_root(app.project) / tree_folder(app.project, inputs.fleet)
    changes = compare(folder, tree) if only_check else write_tree(folder, tree)
    for mark, paths in (("+", changes.added), ("~", changes.changed), ("-", changes.removed)):
        for path in paths:
            say(f"{mark} {path}")
    tracked = [name for name, node in inputs.fleet.nodes.items() if not node.managed]
    if tracked:
        say(f"not rendered, for they have no provider, class and cluster: {', '.join(sorted(tracked))}", err=True)
    say(f"{len(tree)} files in {folder}, {len(changes.added) + len(changes.changed)} new or changed", err=True)
    ctx.exit(1 if only_check and changes else 0)
