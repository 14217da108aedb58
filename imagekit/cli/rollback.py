"""imagekit rollback"""

from __future__ import annotations

from pathlib import Path

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("rollback")
@click.argument("channel")
@click.option("--image", help="The image.  [default: the only one]")
@click.option("--to", help="A version or digest that was in the channel.  [default: the one before]")
@click.option("--reason", required=True, help="Why; it goes into the ledger and holds the bad version back.")
@click.option("--dry-run", is_flag=True, help="Only say what it would go back to: the last line is its reference.")
@click.option("--release", is_flag=True, help="Go back to one that is blocked since an earlier rollback.")
@click.option("--by", "actor", default="", help="Who decides.  [default: git's user.email]")
@click.option(
    "--pull-request", type=click.Path(path_type=Path, dir_okay=False), help="Write the text of a pull request."
)
@click.pass_obj
def command(
    app: App,
    channel: str,
    image: str | None,
    to: str | None,
    reason: str,
    dry_run: bool,
    release: bool,
    actor: str,
    pull_request: Path | None,
) -> None:
    """Let a CHANNEL point at an earlier digest again.

    The digest must have been in the channel; its content is hashed and its signature verified again. The one that the
    channel leaves is blocked: `imagekit promote` refuses it there until it is told --release. A ledger that does not
    verify does not stop it; what was wrong is said and recorded.
    """
    from imagekit.app.context import earlier_of, open_release_context
    from imagekit.cli.decision import tell_move
    from imagekit.release.channel.rollback import rollback, target_of

    name = app.image_name(image)
    with open_release_context(app.project, actor=actor, channel=channel) as context:
        earlier = earlier_of(context, channel, name, to or None)
        if dry_run:
            found = target_of(context, channel, image=name, to=earlier, release=release)
            say(f"{channel} would go back to {name} {found.version} (record {found.sequence})")
            say(found.reference)
            return
        moved = rollback(context, channel, image=name, to=earlier, reason=reason, release=release)
    tell_move(moved, pull_request)
