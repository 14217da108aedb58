"""imagekit yank"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("yank")
@click.argument("reference")
@click.option("--reason", required=True, help="Why; it goes into the ledger and to the digest.")
@click.option("--by", "actor", default="", help="Who decides.  [default: git's user.email]")
@click.pass_context
def command(ctx: click.Context, reference: str, reason: str, actor: str) -> None:
    """Withdraw a digest for good.

    A signed denial is attached wherever the digest is and recorded in the ledger: from then on no gate lets it pass and
    no channel takes it. Channels that point at it stay where they are until they are rolled back; they are named, and
    the exit code is 1 while there are any.
    """
    from imagekit.app.context import homes_of, open_release_context, subject_of
    from imagekit.release.channel.yank import yank

    app: App = ctx.obj
    with open_release_context(app.project, actor=actor) as context:
        image, target = subject_of(app.project, context, reference)
        done = yank(context, target, image=image, reason=reason, homes=homes_of(app.project, context, image))
    say(f"yanked {image} {done.version} {done.digest}" + ("" if done.signed else " (it was already)"))
    for place in done.attached:
        say(f"denied   {place}")
    for channel, _ in done.pointing:
        say(f"WARNING  {channel} still points at it: imagekit rollback {channel} --image {image} --reason ...")
    ctx.exit(1 if done.pointing else 0)
