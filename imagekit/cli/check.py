"""imagekit check"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.group("check")
def command() -> None:
    """Make a check of a layer."""


@command.command("new")
@click.argument("layer")
@click.argument("name")
@click.pass_obj
def new(app: App, layer: str, name: str) -> None:
    """Write a check NAME of LAYER, for you to fill in."""
    from imagekit.app.starter import new_check

    path = new_check(app.root, layer, name)
    say(path)
    say(f"\nNext: write what it asks in {path}; its docstring is the sentence that reports show.", err=True)


@command.command("list")
@click.argument("image", required=False)
@click.pass_obj
def list_(app: App, image: str | None) -> None:
    """Print the ids of the checks of IMAGE, or of every image."""
    from imagekit.app.muting import checks_of

    for name in checks_of(app.project, image):
        say(name)
