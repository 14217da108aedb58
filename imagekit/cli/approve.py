"""imagekit approve"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("approve")
@click.argument("reference")
@click.option("--channel", required=True, help="Channel it is for.")
@click.option("--reason", default="", help="Why; kept with the approval.")
@click.option("--key", help="Key file or URI.  [default: the key of this clone that may approve]")
@click.option("--person", help="Who decides.  [default: whom trust.yaml names for the key]")
@click.pass_obj
def command(app: App, reference: str, channel: str, reason: str, key: str | None, person: str | None) -> None:
    """Say yes to REF in a channel; signed.

    REF is a reference, or IMAGE, IMAGE:VERSION or IMAGE@CHANNEL of this project, as `imagekit gate` takes it.
    The approval is attached to the digest in the registry. It counts when trust.yaml trusts the key to approve and
    names its person.
    """
    from imagekit.app.context import named
    from imagekit.app.people import Hand, approve
    from imagekit.app.release import registry_client
    from imagekit.app.trusted import require_holder
    from imagekit.cli.password import key_environment
    from imagekit.trust.sign.trustfile import Purpose

    require_holder(app.project, Purpose.APPROVE, "approve")
    target = named(app.project, reference)
    hand = Hand(project=app.project, person=person, key=key, environ=key_environment())
    with registry_client(app.project, target.registry) as client:
        digest = approve(hand, client, target, channel=channel, reason=reason)
    say(f"{target.name}@{digest} approved for {channel}")
