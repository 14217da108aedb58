"""imagekit conformance"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.locked import locked_option
from imagekit.cli.machine import boot_option
from imagekit.cli.screen import say

_BOOT_PATHS = ("image", "live", "installed", "disk", "all")


@click.command("conformance")
@click.argument("image", required=False, metavar="[IMAGE|REF]")
@boot_option(
    *_BOOT_PATHS,
    multiple=True,
    default=("all",),
    show_default=True,
    help="What to look at; may be given several times.",
)
@click.option(
    "--firmware",
    type=click.Choice(["bios", "uefi"]),
    multiple=True,
    default=("bios",),
    show_default=True,
    help="What its machines start with; may be given several times.",
)
@click.option("--short", is_flag=True, help="No further than the first boot of an installed node.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="How to print the outcome.",
)
@locked_option
@click.pass_context
def command(
    ctx: click.Context, image: str | None, boot_path: tuple[str, ...], firmware: tuple[str, ...], short: bool, form: str
) -> None:
    """Hold the node contract against an image and its nodes; print a table.

    IMAGE is built when it is not yet; a REF (HOST/repository@sha256:... or :tag) is fetched. The checks are those of
    tests/conformance; they know nothing of which framework made the image. Exit code 1 when one does not pass.
    """
    from imagekit.app.conformance import conformance, subject_of
    from imagekit.checks.contract.model import contract_runs_of
    from imagekit.checks.contract.show import as_json, as_markdown, as_text

    app: App = ctx.obj
    name = image if image and "/" in image else app.image_name(image)
    found = conformance(app.project, subject_of(app.project, name), contract_runs_of(boot_path, firmware, short=short))
    say({"text": as_text, "markdown": as_markdown, "json": as_json}[form](found), nl=False)
    ctx.exit(0 if found.passed else 1)
