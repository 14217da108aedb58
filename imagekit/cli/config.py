"""imagekit config"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.app.migration.model import Change


@click.group("config")
def command() -> None:
    """Check, show and migrate the configuration; print its JSON Schemas."""


@command.command("check")
@click.pass_obj
def check(app: App) -> None:
    """Read every configuration file and say what is wrong with the first bad one.

    Templates that no node fills, and workflows that are trusted whatever branch they run on, are warnings.
    """
    from imagekit.app.cloudconfigs import require_clean_profile
    from imagekit.app.patterns import require_patterns
    from imagekit.artifact.presence import replaced
    from imagekit.build.authorities import authorities_of
    from imagekit.config.templates import unfilled
    from imagekit.plan.matrix import make_plans
    from imagekit.registry.address import registry_place
    from imagekit.trust.gate.policy import load_policy
    from imagekit.trust.sign.trust import TRUST_FILE, load_trust, loose_entries

    require_patterns(app.project, load_policy(app.root))
    registry_place(app.project.registry)
    for image in app.project.images.values():
        replaced(app.project, image)
    for name in app.project.images:
        require_clean_profile(app.project, name)
    warnings = loose_entries(load_trust(app.root)) if (app.root / TRUST_FILE).exists() else []
    make_plans(app.project)
    authorities_of(app.project, sorted(app.project.layers))
    for warning in (*warnings, *unfilled(app.project)):
        say(f"warning: {warning}", err=True)
    say(f"good: {len(app.project.images)} images, {len(app.project.layers)} layers")


@command.command("migrate")
@click.option("--check", "checked", is_flag=True, help="Exit code 1 when something has to change.")
@click.option("--write", is_flag=True, help="Write what can be written; exit code 1 when something is left for you.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def migrate(app: App, checked: bool, write: bool, as_json: bool) -> int:
    """Say what in the project an earlier imagekit wanted otherwise, line by line, and write it.

    Comments, order and layout of the files stay. Without an option nothing is written.
    """
    from imagekit.app.migrating import needed_changes, write_changes

    if checked and write:
        raise click.UsageError("--check writes nothing; give one of --check and --write")
    files = needed_changes(app.root)
    changes = [change for each in files for change in each.changes]
    by_hand = [change for change in changes if change.edit is None]
    if as_json:
        import json

        rows = [
            {"file": each.file, "line": each.line, "old": each.old, "new": each.new, "by_hand": each.edit is None}
            for each in changes
        ]
        say(json.dumps(rows, indent=2))
    else:
        for each in changes:
            say(f"{each.file}:{each.line}: {each.old} → {each.new}" if each.edit else _for_you(each))
    written = write_changes(files) if write else ()
    say(_summed(len(changes) - len(by_hand), len(by_hand), len(written), write), err=True)
    return int(bool(by_hand) if write else checked and bool(changes))


def _for_you(change: Change) -> str:
    return f"{change.file}:{change.line}: {change.old}: by hand: {change.new}"


def _summed(edits: int, by_hand: int, files: int, write: bool) -> str:
    """What was found, and what to do next, on one line."""
    if not edits and not by_hand:
        return "Nothing has to change."
    if write:
        said = f"{edits} changes written to {files} files; `imagekit config check` reads them all."
    elif edits:
        said = f"{edits} changes can be written: `imagekit config migrate --write`."
    else:
        said = "Nothing can be written."
    return f"{said} {by_hand} are yours to make." if by_hand else said


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
