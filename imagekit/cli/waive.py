"""imagekit waive"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("waive")
@click.argument("reference")
@click.option(
    "--check", "check_id", required=True, help="Id of the check as `imagekit gate` shows it, or scenario/NAME."
)
@click.option("--channel", "channels", multiple=True, required=True, help="Channel it is for; may be repeated.")
@click.option("--reason", required=True, help="Why; shown wherever the waiver counts.")
@click.option("--days", type=click.IntRange(1, 366), default=7, show_default=True, help="How long it counts.")
@click.option("--key", help="Key file or URI.  [default: the key of this clone that may waive]")
@click.option("--person", help="Who decides.  [default: whom trust.yaml names for the key]")
@click.pass_obj
def command(
    app: App,
    reference: str,
    check_id: str,
    channels: tuple[str, ...],
    reason: str,
    days: int,
    key: str | None,
    person: str | None,
) -> None:
    """Let one check or scenario of REF pass for a time; signed.

    REF is a reference, or IMAGE, IMAGE:VERSION or IMAGE@CHANNEL of this project, as `imagekit gate` takes it.
    Writes one file under waivers/ for the commit: bound to the digest, the check, the person of the key and an expiry
    date. The policy says how many different persons are needed, and what nobody can waive.
    """
    from imagekit.app.context import named
    from imagekit.app.people import Hand, waivable, waive
    from imagekit.app.release import registry_client
    from imagekit.app.trusted import require_holder
    from imagekit.cli.password import key_environment
    from imagekit.trust.sign.trustfile import Purpose

    require_holder(app.project, Purpose.WAIVE, "waive a check")
    target = named(app.project, reference)
    with registry_client(app.project, target.registry) as client:
        waivable(app.project, client, target, check_id)  # before a password is asked for
        hand = Hand(project=app.project, person=person, key=key, environ=key_environment())
        path = waive(hand, client, target, check=check_id, channels=channels, reason=reason, days=days)
    say(str(path.relative_to(app.root)))
