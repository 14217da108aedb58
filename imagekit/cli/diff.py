"""imagekit diff"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.app.diff import Diff, Side


@click.command("diff")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="How to tell it.",
)
@click.option("--files", is_flag=True, help="Tell every path that differs, too, and in what.")
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Public key (PEM) for a REF.  [default: trust.yaml, else the project's own]",
)
@click.pass_obj
def command(app: App, a: str, b: str, form: str, files: bool, key: Path | None) -> int:
    """Tell what differs between two images.

    A and B: an image of the project (as it stands; built when it was not), a version, plan id or digest of a build kept
    here, a run id, or a published REF, which is verified first. Nothing is booted. Exit code 0 when the images hold the
    same, 1 when they differ, as diff(1) has it.
    """
    from imagekit.app.diff import diff
    from imagekit.trust.sign.keys import verifier_of

    found = diff(app.project, a, b, verifier=verifier_of(key) if key else None)
    say(_reported(found, form, files=files))
    return 0 if found.comparison.equal else 1


def _reported(found: Diff, form: str, *, files: bool) -> str:
    import json

    from imagekit.report import differences

    heads = (_head(found.a), _head(found.b))
    if form == "text":
        return differences.as_text(found.comparison, heads, found.commits, files=files)
    if form == "markdown":
        return differences.as_markdown(found.comparison, heads, found.commits, files=files)
    sides = {
        name: {"asked": side.asked, "version": side.inventory.version, "digest": side.inventory.digest}
        for name, side in (("a", found.a), ("b", found.b))
    }
    return json.dumps({**sides, **differences.as_data(found.comparison, found.commits, files=files)}, indent=2)


def _head(side: Side) -> str:
    version = side.inventory.version
    return f"{side.asked}{f' {version}' if version and version != side.asked else ''} {side.inventory.digest[:19]}"
