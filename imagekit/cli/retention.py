"""imagekit retention"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.release.channel.retention import Fate


@click.command("retention")
@click.argument("image", required=False)
@click.option("--plan/--apply", "only_plan", default=True, help="Show what would go, or remove it.  [default: plan]")
@click.option("--last", type=click.IntRange(min=1), default=5, show_default=True, help="Good versions kept everywhere.")
@click.option("--by", "actor", default="", help="Who decides.  [default: git's user.email]")
@click.pass_obj
def command(app: App, image: str | None, only_plan: bool, last: int, actor: str) -> None:
    """Show or remove versions that nothing needs any more.

    Never removed: what a channel points at, holds back or would be rolled back to, what a fleet file names, the last
    good ones of each repository, and whatever no trusted key vouches for. --apply decides again while nobody else can
    decide, and records in the ledger what it removes before it does.
    """
    from imagekit.app.context import homes_of, open_release_context
    from imagekit.release.channel.needs import needed
    from imagekit.release.channel.retention import plan_retention
    from imagekit.release.channel.retire import retire
    from imagekit.release.channel.table import versions

    name = app.image_name(image)
    with open_release_context(app.project, actor=actor, decides=not only_plan) as context:
        homes = homes_of(app.project, context, name)
        if only_plan:
            for fate in plan_retention(versions(context, homes), last=last, needed=needed(context, context.chain())):
                say(reported(fate))
            return
        done = retire(context, name, homes, last=last, tell=lambda fate: say(reported(fate)))
    say(f"{len(done)} removed; the registry frees their blobs at its next garbage collection")


def reported(fate: Fate) -> str:
    """One line of the answer."""
    return f"{'keep  ' if fate.keep else 'remove'}  {fate.version.reference}  {fate.why}"
