"""imagekit build"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.locked import locked_option
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.build.result import Build
    from imagekit.config.model import Arch
    from imagekit.plan.model import Plan


@click.command("build")
@click.argument("image", required=False)
@click.option("--all", "every", is_flag=True, help="Build every image that can be built here, as one graph.")
@click.option("--arch", type=click.Choice(["amd64", "arm64"]), help="Build for this architecture.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@locked_option
@click.pass_obj
def command(app: App, image: str | None, every: bool, arch: str | None, as_json: bool) -> None:
    """Build IMAGE and print its digest.

    Everything declared in the layers' layer.yaml is proven present in the result. Unchanged inputs are not built again.
    With `--all`, images that images.lock has no digests for are named at the end, and the exit code is not 0.
    """
    from imagekit.config import model
    from imagekit.plan.resolve import make_plan

    chosen = model.Arch(arch) if arch else None
    if every and image:
        raise click.UsageError("name an image, or ask for all of them")
    if every:
        _build_every(app, chosen, as_json)
    else:
        built = _build(app, (make_plan(app.project, app.image_name(image), arch=chosen),))[0]
        say(_json(built) if as_json else str(built.digest))


def _build_every(app: App, arch: Arch | None, as_json: bool) -> None:
    from imagekit.plan.lock import here, require_buildable
    from imagekit.plan.matrix import make_plans

    plans = make_plans(app.project, arch=arch or here())
    ready = tuple(plan for plan in plans if not plan.unlocked)
    for built in _build(app, ready):
        say(_json(built) if as_json else f"{built.image} {built.digest}")
    for plan in plans:
        if plan.unlocked:
            require_buildable(plan)


def _build(app: App, plans: tuple[Plan, ...]) -> tuple[Build, ...]:
    from imagekit.app.image import built_all, proven
    from imagekit.base.log import step

    results = built_all(app.project, plans)
    for plan, result in zip(plans, results, strict=True):
        with step(f"Proof: all that was declared is in {plan.image}") as current:
            current.note = f"{len(proven(app.project, plan, result))} packages"
    return results


def _json(built: Build) -> str:
    import json
    from dataclasses import asdict

    return json.dumps(asdict(built), default=str)
