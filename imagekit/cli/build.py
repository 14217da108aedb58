"""imagekit build"""

from __future__ import annotations

import click

from imagekit.cli.app import App


@click.command("build")
@click.argument("image", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(app: App, image: str | None, as_json: bool) -> None:
    """Build IMAGE and print its digest.

    Everything declared in the layers' layer.yaml is proven present in the result. Unchanged inputs are not built again.
    """
    from imagekit.log import step
    from imagekit.pipeline.image import built, proven
    from imagekit.plan.resolve import make_plan

    plan = make_plan(app.project, app.image_name(image))
    result = built(app.project, plan)
    with step("Proof: all that was declared is in the artifact") as current:
        current.note = f"{len(proven(app.project, plan, result))} packages"
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps(asdict(result), default=str, indent=2))
    else:
        click.echo(str(result.digest))
