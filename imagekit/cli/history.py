"""imagekit history"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.release.ledger.record import Record


@click.command("history")
@click.argument("image", required=False)
@click.option("--channel", help="Only decisions about this channel.")
@click.option("--at", type=click.DateTime(), help="What each channel pointed at then (UTC), instead of the list.")
@click.option("--gate", is_flag=True, help="Tell every requirement of each decision, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(app: App, image: str | None, channel: str | None, at: datetime | None, gate: bool, as_json: bool) -> None:
    """Show who decided what, when and why, from the ledger.

    Every record's place in the chain is checked and what vouches for it, that the channel files say in every field what
    the records add up to, and that nothing was taken away that git or the remote knows; exit code 1 when anything does
    not agree.
    """
    from datetime import UTC

    from imagekit.app.context import open_release_context
    from imagekit.release.channel.history import standing, until

    with open_release_context(app.project, decides=False) as context:
        records = context.chain().records
    perhaps: tuple[Record, ...] = ()
    if at is not None:
        instant = until(records, at.replace(tzinfo=UTC))
        records = tuple(standing(instant.sure).values())
        perhaps = tuple(set(standing(instant.perhaps).values()) - set(records))
    records = tuple(
        item for item in records if (not image or item.image == image) and (not channel or item.channel == channel)
    )
    if as_json:
        import json

        say(json.dumps([{**item.statement().predicate, "digest": str(item.digest)} for item in records], indent=2))
        return
    for item in records:
        where = f" {item.channel}" if item.channel else ""
        say(f"{item.sequence:>4}  {item.at:%Y-%m-%d %H:%M}  {item.action}{where}  {item.image} {item.version}")
        say(f"      {item.digest}")
        say(f"      by {item.actor}: {item.reason or '(no reason given)'}")
        for name, outcome in item.decision if gate else (each for each in item.decision if each[0] == "change"):
            say(f"      - {name}: {outcome}")
        for name, digest in item.basis if gate else ():
            say(f"      decided by {name} {digest}")
        if item.emergency:
            say(f"      WARNING made with a ledger that did not verify: {item.emergency}")
    for item in perhaps:
        reported = f"by its clock ({item.at:%Y-%m-%d %H:%M}) record {item.sequence} may count, too"
        say(f"WARNING {reported}; clocks before it say otherwise")
    say(f"{len(records)} decisions, every signature and link good")
