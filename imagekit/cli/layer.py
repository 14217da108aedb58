"""imagekit layer"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.group("layer")
def command() -> None:
    """Make a layer with its check."""


@command.command("new")
@click.argument("name")
@click.pass_obj
def new(app: App, name: str) -> None:
    """Write images/NAME with its check and its runbook page."""
    from imagekit.app.starter import new_layer

    for path in new_layer(app.root, name):
        say(path)
    say(
        f"\nNext: name the packages in images/{name}/layer.yaml, put files below images/{name}/files/, and add"
        f" {name} to the layers of an image in images/images.yaml.",
        err=True,
    )
