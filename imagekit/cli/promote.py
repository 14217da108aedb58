"""imagekit promote"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("promote")
@click.argument("reference")
@click.option("--to", "channel", required=True, help="The channel that it enters.")
@click.option("--reason", default="", help="Why; it goes into the ledger.")
@click.option("--by", "actor", default="", help="Who decides.  [default: git's user.email]")
@click.option("--change", default="", metavar="ID", help="Change record, where the channel asks for one.")
@click.option("--release", is_flag=True, help="Take back a digest that the channel was rolled back from.")
@click.option(
    "--pull-request", type=click.Path(path_type=Path, dir_okay=False), help="Write the text of a pull request."
)
@click.option("--yes", is_flag=True, help="Do not ask, on a terminal, whether these changes are meant.")
@click.pass_obj
def command(
    app: App,
    reference: str,
    channel: str,
    reason: str,
    actor: str,
    change: str,
    release: bool,
    pull_request: Path | None,
    yes: bool,
) -> None:
    """Let a digest into a channel, when the gate agrees.

    REFERENCE is a published reference, or IMAGE, IMAGE:VERSION or IMAGE@CHANNEL of this project. It is resolved once.
    The digest is copied byte for byte with all its evidence, verified at its new place, and gets its version tag last;
    channel file and signed record are one commit. Repeating the command completes what was interrupted.

    What changes in the channel is shown first, from the signed inventories of both digests; on a terminal it is asked
    whether that is meant. It is attached to the digest, signed, and stands in the text of the pull request.
    """
    from imagekit.app.context import open_release_context, subject_of
    from imagekit.app.releasechanges import attaching, changes_of
    from imagekit.cli.decision import tell_move
    from imagekit.release.channel.promote import promote

    with open_release_context(app.project, actor=actor, channel=channel, change=change) as context:
        image, source = subject_of(app.project, context, reference)
        changes = changes_of(app.project, context, source, channel, image)
        if changes is not None:
            say(changes.text, err=True)
            if not yes and sys.stdin.isatty() and sys.stderr.isatty():
                click.confirm(f"Promote {image} to {channel}?", abort=True, err=True)
        context = attaching(context, changes)
        moved = promote(context, source, channel, image=image, reason=reason, release=release)
    tell_move(moved, pull_request, changes.markdown if changes else "")
