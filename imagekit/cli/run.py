"""imagekit run"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.locked import locked_option
from imagekit.cli.machine import cold_option, fresh_option, within_option
from imagekit.cli.screen import finish
from imagekit.cli.selecting import suites_beside


@click.command("run")
@click.argument("image", required=False)
@fresh_option
@cold_option
@locked_option
@click.option("--no-publish", is_flag=True, help="Stop after the tests.")
@click.option(
    "--suite",
    "suites",
    multiple=True,
    metavar="NAME[,NAME]",
    help="Run these suites besides, in a network of their servers: ad, ca, network. Needs root.",
)
@click.option("--lifecycle", is_flag=True, help="Run all lifecycle scenarios after the checks.")
@within_option
@click.pass_context
def command(
    ctx: click.Context,
    image: str | None,
    fresh: bool,
    cold: bool,
    no_publish: bool,
    suites: tuple[str, ...],
    lifecycle: bool,
    within: float | None,
) -> None:
    """Build, boot, test, sign and publish IMAGE, and show the report.

    The version tag is written last, and only when every required check passed. Nothing is done twice: what was
    built, and what passed on the same digest, is reused, also after a run that failed at its end.
    """
    from imagekit.app.options import Options
    from imagekit.app.run import run_image
    from imagekit.scenarios.options import ScenarioOptions

    app: App = ctx.obj
    name = app.image_name(image)
    options = Options(
        publish=not no_publish,
        fresh=fresh,
        cold=cold,
        suites=suites_beside(app, name, suites),
        lifecycle=ScenarioOptions() if lifecycle else None,
        within=within,
    )
    ctx.exit(finish(run_image(app.project, name, options)))
