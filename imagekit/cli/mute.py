"""imagekit mute"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("mute")
@click.argument("check", required=False)
@click.option("--days", type=click.IntRange(1, 90), default=7, show_default=True, help="How long it only warns.")
@click.option("--ticket", help="Where the work on it is followed; needed.")
@click.option("--reason", default="", help="Why; kept with it.")
@click.option("--key", help="Key file or URI.  [default: the key of this clone that may waive]")
@click.option("--person", help="Who decides.  [default: whom trust.yaml names for the key]")
@click.pass_obj
def command(
    app: App, check: str | None, days: int, ticket: str | None, reason: str, key: str | None, person: str | None
) -> None:
    """Let a check only warn for some days; signed.

    Without CHECK it lists what is muted. Writes one file under mutes/ for the commit. The check still runs, and every
    report says how it ended, by whose word it only warns, until when, and the ticket. Where it failed, a channel lets
    the image in when its policy says `muted: true` and the mute still counts. `git rm` of the file ends it.
    """
    from imagekit.app.muting import mutable, mute
    from imagekit.app.people import Hand
    from imagekit.cli.password import key_environment

    if check is None:
        _list(app)
        return
    if not ticket:
        raise click.UsageError("--ticket is needed: whoever reads the report wants to know where it is followed")
    mutable(app.project, check)  # before a password is asked for
    hand = Hand(project=app.project, person=person, key=key, environ=key_environment())
    path = mute(hand, check, days=days, ticket=ticket, reason=reason)
    say(str(path.relative_to(app.root)))
    say("\nNext: commit it (and trust.yaml); every run reads it from now on. `git rm` of it ends the mute.", err=True)


def _list(app: App) -> None:
    from imagekit.app.muting import mute_rows

    rows = list(mute_rows(app.project))
    for row in rows:
        about = f"until {row.mute.expires:%Y-%m-%d} by {row.mute.person} ({row.mute.ticket})" if row.mute else ""
        state = f"does not count: {row.flaw}" if row.flaw else "counts"
        say("  ".join(part for part in (row.mute.check if row.mute else "", about, state, str(row.path)) if part))
    if not rows:
        say("no check is muted")
