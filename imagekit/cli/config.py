"""imagekit config"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.group("config")
def command() -> None:
    """Check and show the configuration; print its JSON Schemas."""


@command.command("check")
@click.pass_obj
def check(app: App) -> None:
    """Read every configuration file and say what is wrong with the first bad one.

    Templates that no node fills are warnings.
    """
    from imagekit.app.patterns import require_patterns
    from imagekit.artifact.presence import replaced
    from imagekit.build.authorities import authorities_of
    from imagekit.config.templates import unfilled
    from imagekit.plan.matrix import make_plans
    from imagekit.registry.address import registry_place
    from imagekit.trust.gate.policy import load_policy
    from imagekit.trust.sign.trust import TRUST_FILE, load_trust

    require_patterns(app.project, load_policy(app.root))
    registry_place(app.project.registry)
    for image in app.project.images.values():
        replaced(app.project, image)
    if (app.root / TRUST_FILE).exists():
        load_trust(app.root)
    make_plans(app.project)
    authorities_of(app.project, sorted(app.project.layers))
    for warning in unfilled(app.project):
        say(f"warning: {warning}", err=True)
    say(f"good: {len(app.project.images)} images, {len(app.project.layers)} layers")


@command.command("show")
@click.option("--origin", is_flag=True, help="Every file, with whose it is; otherwise only the project's own.")
@click.pass_obj
def show(app: App, origin: bool) -> None:
    """List what images are built and tested with beyond what the project declares, and which of it is the project's."""
    from imagekit import __version__
    from imagekit.config.engine import pieces

    for piece in pieces(app.root, tuple(app.project.layers)):
        if origin or piece.own:
            say(f"{'project' if piece.own else f'imagekit {__version__}':<16} {piece.name}")


@command.command("schema")
@click.argument("kind", type=click.Choice(["images", "layer", "settings", "policy", "trust", "fleet"]))
def schema(kind: str) -> None:
    """Print the JSON Schema of one kind of file, for editors."""
    import json

    from imagekit.config.schema import schema as schema_of
    from imagekit.fleet.model import FleetFile
    from imagekit.trust.gate.policy import Policy
    from imagekit.trust.sign.trustfile import TrustFile

    later: dict[str, type[Policy] | type[TrustFile] | type[FleetFile]] = {
        "policy": Policy,
        "trust": TrustFile,
        "fleet": FleetFile,
    }
    say(json.dumps(schema_of(kind, later.get(kind)), indent=2))
