"""imagekit horizon"""

from __future__ import annotations

from datetime import datetime

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("horizon")
@click.argument("image", required=False)
@click.option("--channel", help="Warn and block as this channel's rule in the policy says.  [default: 60 and 14 days]")
@click.option("--at", type=click.DateTime(), help="As if it were then (UTC).")
@click.option("--all", "everything", is_flag=True, help="List what is good, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(
    app: App, image: str | None, channel: str | None, at: datetime | None, everything: bool, as_json: bool
) -> int:
    """Say which certificates, keys and waivers expire, and when.

    Looks into IMAGE (named as for `imagekit diff`), the project's files, fleet files, trust.yaml and waivers. Exit code
    1 when something blocks: it has expired, ends too soon, or cannot be read.
    """
    from datetime import UTC

    from imagekit.app.horizon import horizon, rule_of
    from imagekit.inventory.horizon import Standing, judge, line

    now = at.replace(tzinfo=UTC) if at else datetime.now(UTC)
    limits = rule_of(app.project, channel)
    found = judge(horizon(app.project, image), now, limits)
    shown = [each for each in found if everything or each.standing is not Standing.GOOD]
    if as_json:
        import json
        from dataclasses import asdict

        rows = [{**asdict(each.expiry), "standing": each.standing, "blocks": each.blocks} for each in shown]
        say(json.dumps(rows, default=str, indent=2))
    else:
        for each in shown:
            say(line(each, now))
        say(f"{len(found)} looked at, {sum(each.blocks for each in found)} block", err=True)
    return 1 if any(each.blocks for each in found) else 0
