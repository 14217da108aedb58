"""imagekit clean"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("clean")
@click.option(
    "--cache", is_flag=True, help="Remove builds, disks, saved nodes, verdicts and the build engine's own cache, too."
)
@click.option("--runs", is_flag=True, help="Remove the folders of runs, too.")
@click.pass_obj
def command(app: App, cache: bool, runs: bool) -> None:
    """Remove what killed runs left behind; caches on request.

    Machines, folders and half-made files are known by imagekit's own marks and by a dead owner; nothing else is
    touched. Of builds and disks goes what is over the budget (`keep:` in imagekit.yaml), the longest unused first;
    every run does that too. Keys and the registry's content are never removed.
    """
    from imagekit.app.cleaning import clean

    removed = clean(app.project, cache=cache, runs=runs)
    for what in removed:
        say(f"removed {what}")
    if not removed:
        say("nothing to remove")
