"""imagekit diff"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.locked import locked_option
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.app.diff import Diff, Side
    from imagekit.inventory.layerdiff import LayerChange


@click.command("diff")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown", "html"]),
    default="text",
    show_default=True,
    help="How to tell it.",
)
@click.option("--files", is_flag=True, help="Tell every path of every layer that differs, too, and in what.")
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Public key (PEM) for a REF.  [default: trust.yaml, else the project's own]",
)
@locked_option
@click.pass_obj
def command(app: App, a: str, b: str, form: str, files: bool, key: Path | None) -> int:
    """Tell what differs between two images.

    A and B: an image of the project (as it stands; built when it was not), a version, plan id or digest of a build kept
    here, a run id, a published REF, which is verified first, or oci:FOLDER, an OCI layout. Nothing is booted. Exit code
    0 when the images hold the same, 1 when they differ, as diff(1) has it; with --files images are the same when their
    digests are.
    """
    from imagekit.app.diff import diff
    from imagekit.trust.sign.keys import verifier_of

    found = diff(app.project, a, b, verifier=verifier_of(key) if key else None)
    layers: tuple[LayerChange, ...] = ()
    if files:
        from imagekit.inventory.layerdiff import layer_changes

        layers = layer_changes(found.a.image, found.b.image)
    say(_reported(found, form, layers, files=files))
    return 0 if found.comparison.equal and not layers else 1


def _reported(found: Diff, form: str, layers: tuple[LayerChange, ...], *, files: bool) -> str:
    import json

    from imagekit.report import differences

    heads = (_head(found.a), _head(found.b))
    if form == "text":
        return differences.as_text(found.comparison, heads, found.commits, files=files, layers=layers)
    if form == "markdown":
        return differences.as_markdown(found.comparison, heads, found.commits, files=files, layers=layers)
    if form == "html":
        return differences.as_html(found.comparison, heads, found.commits, files=files, layers=layers)
    sides = {
        name: {"asked": side.asked, "version": side.inventory.version, "digest": side.inventory.digest}
        for name, side in (("a", found.a), ("b", found.b))
    }
    return json.dumps(
        {**sides, **differences.as_data(found.comparison, found.commits, files=files, layers=layers)}, indent=2
    )


def _head(side: Side) -> str:
    version = side.inventory.version
    return f"{side.asked}{f' {version}' if version and version != side.asked else ''} {side.inventory.digest[:19]}"
