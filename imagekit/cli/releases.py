"""imagekit releases"""

from __future__ import annotations

from collections.abc import Sequence

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("releases")
@click.argument("image", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(app: App, image: str | None, as_json: bool) -> None:
    """List versions: digest, channels, age, evidence, who runs it, who was seen with it.

    Read from the registries, the channel files, the ledger, the fleet files and what `imagekit observe` kept; the
    newest comes first.
    """
    from datetime import UTC, datetime

    from imagekit.app.auditing import store_of
    from imagekit.app.context import homes_of, open_release_context
    from imagekit.app.seen import seen_on
    from imagekit.fleet.read import read_fleet_files
    from imagekit.release.channel.table import table

    name = app.image_name(image)
    with open_release_context(app.project, decides=False) as context:
        nodes = read_fleet_files(context.store.root).nodes
        rows = table(context, name, homes_of(app.project, context, name), nodes)
    seen = seen_on(store_of(app.project), rows)
    if as_json:
        import json
        from dataclasses import asdict

        found = [{**asdict(row), "seen_on": sorted(seen.by_digest.get(str(row.digest), ()))} for row in rows]
        say(json.dumps(found, default=str, indent=2))
        return
    if not rows:
        say(f"no version of {name} is published")
        return
    now = datetime.now(UTC)
    lines = [("version", "digest", "channels", "age", "evidence", "run by", "seen on")]
    for row in rows:
        age = f"{(now - row.created).days} d"
        meant, said = _some(row.run_by), _some(sorted(seen.by_digest.get(str(row.digest), ())))
        lines.append((row.version, row.digest.short, ", ".join(row.channels) or "-", age, row.evidence, meant, said))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        say("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    for node, what in seen.elsewhere.items():
        if node in nodes and nodes[node].image == name:
            say(f"{node} was seen with {what}, which is no version of {name}", err=True)


def _some(nodes: Sequence[str]) -> str:
    return f"{len(nodes)} nodes" if len(nodes) > 3 else ", ".join(nodes) or "-"
