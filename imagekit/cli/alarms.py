"""imagekit alarms"""

from __future__ import annotations

from datetime import datetime

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

_UNKNOWN = 4  # as of every command that has no source to answer from


@click.command("alarms")
@click.argument("image", required=False)
@click.option("--at", type=click.DateTime(), help="As if it were then (UTC).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(app: App, image: str | None, at: datetime | None, as_json: bool) -> int:
    """Say what has starved: channels, gates, suites, nightlies.

    A channel that does not take what is offered, a gate that is never green, a suite without a recent run, a nightly
    that was missed or cancelled, or is never green: each is an alarm after one night. Exit code 1 when there is one, 4
    when nothing is known here that could have starved.
    """
    from datetime import UTC

    from imagekit.app.alarms import watch

    found = watch(
        app.project, at.replace(tzinfo=UTC) if at else datetime.now(UTC), image=app.image_name(image) if image else ""
    )
    code = 1 if found.alarms else 0 if found.known else _UNKNOWN
    if as_json:
        import json
        from dataclasses import asdict

        rows = [{**asdict(each), "page": each.kind.page} for each in found.alarms]
        say(json.dumps({"alarms": rows, "unseen": found.unseen, "known": found.known}, default=str, indent=2))
        return code
    for each in found.alarms:
        say(f"{each.kind.value}: {each.text}")
        say(f"  imagekit explain {each.kind.page}")
    for line in found.unseen:
        say(f"not looked at: {line}", err=True)
    if code == _UNKNOWN:
        say(f"nothing is known{f' of {image}' if image else ''}: no run, night or promotion is in the history here")
        say(
            "  `imagekit run IMAGE` and `imagekit drift IMAGE` are recorded; `imagekit trends --add FOLDER` takes "
            "in those of another machine; `history` in imagekit.yaml names another file.",
            err=True,
        )
    elif code == 0:
        say("nothing has starved")
    return code
