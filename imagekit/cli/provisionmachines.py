"""imagekit provision machines"""

from __future__ import annotations

from pathlib import Path

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("machines")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--places", is_flag=True, help="Print NODE=HOST:PORT, as `imagekit observe ssh` takes it.")
@click.option("--health", is_flag=True, help="Answer as a health hook of `provision roll`.")
@click.option("--user", default="kairos", show_default=True, help="With --health: account on the nodes.")
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), help="With --health: private key to log in.")
@click.pass_obj
def machines(app: App, as_json: bool, places: bool, health: bool, user: str, key: Path | None) -> None:
    """List the machines that `provision apply` made, and where they answer.

    Their host keys are in .imagekit/fleet/known_hosts.
    """
    import json

    from imagekit.app.machinehealth import listed, place_text

    if sum((as_json, places, health)) > 1 or (health and key is None):
        raise click.UsageError("one of --json, --places and --health; --health needs --key")
    if health:
        from imagekit.app.machinehealth import health_of

        assert key is not None
        say(json.dumps(health_of(app.project, user=user, key=key)))
        return
    rows = listed(app.project)
    if as_json:
        say(json.dumps(rows, indent=2))
    elif places:
        say(" ".join(filter(None, map(place_text, rows))))
    else:
        for row in rows:
            say(f"{row['node']}  {row['machine']}  {row['state']}  {row['host'] or '?'}:{row['port']}  {row['image']}")
        say(f"{len(rows)} machines", err=True)
