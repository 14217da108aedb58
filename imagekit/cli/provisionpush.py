"""imagekit provision push"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("push")
@click.pass_obj
def push(app: App) -> None:
    """Push the rendered tree as a signed artifact for Flux's OCIRepository (`platform.oci`), and print its digest.

    The tag `fleet` points at it last, when its signature was read back. The same commit gives the same artifact.
    """
    from imagekit.app.treepush import push_tree

    say(str(push_tree(app.project)))
