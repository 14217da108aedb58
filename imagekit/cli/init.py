"""imagekit init"""

from __future__ import annotations

from pathlib import Path

import click

from imagekit.cli.screen import say


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--from",
    "origin",
    type=click.Choice(["debian", "rocky", "alma", "ubi"]),
    default="debian",
    show_default=True,
    help="What the image is made from. Debian stands on a stand-in for Kairos; the others need registries.",
)
@click.option(
    "--ci",
    "forge",
    type=click.Choice(["github", "gitlab", "none"]),
    default="github",
    show_default=True,
    help="Whose CI.",
)
@click.option("--layer", default="site", show_default=True, help="Name of the first layer of your own.")
def command(folder: Path, origin: str, forge: str, layer: str) -> None:
    """Start a project in FOLDER: an image, a layer with its check, cloud-config, policy, CI.

    FOLDER must be empty or not exist. `imagekit run` in it is green without an edit, with --from debian.
    """
    from imagekit.app.starter import Forge, NewProject, Origin, start_project

    new = NewProject(root=folder.resolve(), origin=Origin(origin), forge=Forge(forge), layer=layer)
    for name in start_project(new):
        say(name)
    first = "" if origin == "debian" else " && imagekit lock"
    say(f"\nNext: cd {folder}{first} && imagekit run {new.image}", err=True)
