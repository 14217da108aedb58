"""imagekit provision plan"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("plan")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def plan(app: App, as_json: bool) -> None:
    """Show what rendering now would change, node by node, against the tree as git has it.

    Nothing is written. A node whose machine would be replaced is named with both digests; what a change of its
    cloud-config or class would not do to a machine that exists is said.
    """
    from imagekit.app.provisioning import inputs_of
    from imagekit.app.rolling import committed_tree, site_of
    from imagekit.provision.plan import as_json as answer
    from imagekit.provision.plan import changes
    from imagekit.provision.render import render

    inputs = inputs_of(app.project)
    found = changes(committed_tree(site_of(app.project), inputs.fleet), render(inputs))
    if as_json:
        say(answer(found))
        return
    for each in found.nodes:
        digests = " -> ".join(text.removeprefix("sha256:")[:12] for text in (each.before, each.after) if text)
        say(f"{each.node}  {each.cluster}  {each.kind}  {digests}".rstrip())
        if each.note:
            say(f"    {each.note}")
    for path in found.others:
        say(f"{path}  changed")
    say(f"{len(found.nodes)} nodes and {len(found.others)} other files would change", err=True)
