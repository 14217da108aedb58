"""imagekit history"""

from __future__ import annotations

from datetime import datetime

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("history")
@click.argument("image", required=False)
@click.option("--channel", help="Only decisions about this channel.")
@click.option("--at", type=click.DateTime(), help="What each channel pointed at then (UTC), instead of the list.")
@click.option("--gate", is_flag=True, help="Tell every requirement of each decision, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(app: App, image: str | None, channel: str | None, at: datetime | None, gate: bool, as_json: bool) -> None:
    """Show who decided what, when and why, from the ledger.

    Every record's signature and place in the chain is checked, and that the channel files say what the records add up
    to; exit code 1 when anything does not agree.
    """
    from datetime import UTC

    from imagekit.app.desk import open_desk
    from imagekit.release.channel.history import standing

    with open_desk(app.project) as desk:
        records = desk.chain().records
    if at is not None:
        records = tuple(standing(records, until=at.replace(tzinfo=UTC)).values())
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
        for name, outcome in item.decision if gate else ():
            say(f"      - {name}: {outcome}")
    say(f"{len(records)} decisions, every signature and link good")
