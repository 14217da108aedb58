"""imagekit plan"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.locked import locked_option
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.plan.model import Plan


@click.command("plan")
@click.argument("image", required=False)
@click.option("--all", "every", is_flag=True, help="Plan every image for every architecture it is declared for.")
@click.option("--arch", type=click.Choice(["amd64", "arm64"]), help="Plan for this architecture alone.")
@click.option("--matrix", is_flag=True, help="Print the matrix of jobs for GitHub Actions, as one line of JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@locked_option
@click.pass_obj
def command(app: App, image: str | None, every: bool, arch: str | None, matrix: bool, as_json: bool) -> None:
    """Show what would be built, with the id of every layer.

    Reads only the project's files and git: no network, no daemon; the clock only for authorities that expired. What
    images.lock has no digest for is named; such an image can be planned and not built, and is left out of the matrix.
    Where an earlier build of the image is kept here, the stages that differ from it are reported, each with the reason.
    """
    from imagekit.build.authorities import authorities_of

    plans = _plans(app, image, every or matrix, arch)
    authorities_of(app.project, sorted({layer for plan in plans for layer in app.project.image(plan.image).layers}))
    if matrix:
        _print_matrix(plans)
    elif as_json:
        _print_json(plans, every)
    else:
        from imagekit.app.lastbuild import since_last_build
        from imagekit.plan import show

        say("\n\n".join("\n".join((show.as_text(plan), *since_last_build(app.project, plan))) for plan in plans))


def _plans(app: App, image: str | None, every: bool, arch: str | None) -> tuple[Plan, ...]:
    from imagekit.config.model import Arch
    from imagekit.plan.matrix import make_plans
    from imagekit.plan.resolve import make_plan

    chosen = Arch(arch) if arch else None
    if every and image is None:
        return make_plans(app.project, arch=chosen)
    if every:
        raise click.UsageError("name an image, or ask for all of them")
    return (make_plan(app.project, app.image_name(image), arch=chosen),)


def _print_matrix(plans: tuple[Plan, ...]) -> None:
    import json

    from imagekit.base.log import progress
    from imagekit.plan.matrix import as_matrix

    for plan in plans:
        if plan.unlocked:
            progress(f"{plan.image} {plan.arch}: not in the matrix, not locked: {', '.join(plan.unlocked)}")
    say(json.dumps(as_matrix(plans), separators=(",", ":")))


def _print_json(plans: tuple[Plan, ...], every: bool) -> None:
    import json

    from imagekit.plan import show

    found = [show.as_data(plan) for plan in plans]
    say(json.dumps(found if every else found[0], indent=2))
