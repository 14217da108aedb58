"""imagekit config"""

from __future__ import annotations

import click

from imagekit.cli.app import App


@click.group("config")
def command() -> None:
    """Check the configuration; print its JSON Schemas."""


@command.command("check")
@click.pass_obj
def check(app: App) -> None:
    """Read every configuration file and say what is wrong with the first bad one."""
    from imagekit.plan.resolve import make_plan

    for name in app.project.images:
        make_plan(app.project, name)
    click.echo(f"good: {len(app.project.images)} images, {len(app.project.layers)} layers")


@command.command("schema")
@click.argument("kind", type=click.Choice(["images", "layer", "settings"]))
def schema(kind: str) -> None:
    """Print the JSON Schema of one kind of file, for editors."""
    import json

    from imagekit.config.schema import schema as schema_of

    click.echo(json.dumps(schema_of(kind), indent=2))
