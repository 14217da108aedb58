"""imagekit plan"""

from __future__ import annotations

import click

from imagekit.cli.app import App


@click.command("plan")
@click.argument("image", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(app: App, image: str | None, as_json: bool) -> None:
    """Show what would be built, with the id of every layer.

    Reads only the project's files and git: no network, no daemon, no clock.
    """
    from imagekit.plan import show
    from imagekit.plan.resolve import make_plan

    plan = make_plan(app.project, app.image_name(image))
    if as_json:
        import json

        click.echo(json.dumps(show.as_data(plan), indent=2))
    else:
        click.echo(show.as_text(plan))
