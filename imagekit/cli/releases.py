"""imagekit releases"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("releases")
@click.argument("image", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(app: App, image: str | None, as_json: bool) -> None:
    """List versions: digest, channels, age, evidence, who runs it.

    Read from the registries, the channel files, the ledger and the fleet files; the newest comes first.
    """
    from datetime import UTC, datetime

    from imagekit.app.context import homes_of, open_release_context
    from imagekit.fleet.read import read_fleet_files
    from imagekit.release.channel.table import table

    name = app.image_name(image)
    with open_release_context(app.project, decides=False) as context:
        rows = table(context, name, homes_of(app.project, context, name), read_fleet_files(context.store.root).nodes)
    if as_json:
        import json
        from dataclasses import asdict

        say(json.dumps([asdict(row) for row in rows], default=str, indent=2))
        return
    if not rows:
        say(f"no version of {name} is published")
        return
    now = datetime.now(UTC)
    lines = [("version", "digest", "channels", "age", "evidence", "run by")]
    for row in rows:
        age = f"{(now - row.created).days} d"
        nodes = f"{len(row.run_by)} nodes" if len(row.run_by) > 3 else ", ".join(row.run_by)
        lines.append((row.version, row.digest.short, ", ".join(row.channels) or "-", age, row.evidence, nodes or "-"))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        say("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
