"""imagekit run"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import finish


@click.command("run")
@click.argument("image", required=False)
@click.option("--again", is_flag=True, help="Test again, although the same image passed the same checks before.")
@click.option("--no-publish", is_flag=True, help="Stop after the tests.")
@click.option("--lifecycle", is_flag=True, help="Run all lifecycle scenarios after the checks.")
@click.pass_context
def command(ctx: click.Context, image: str | None, again: bool, no_publish: bool, lifecycle: bool) -> None:
    """Build, boot, test, sign and publish IMAGE, and show the report.

    The version tag is written last, and only when every required check passed. Unchanged inputs are not worked on
    twice: the earlier verdict is shown.
    """
    from imagekit.app.ladder import Wish
    from imagekit.app.run import Options, run_image

    app: App = ctx.obj
    name = app.image_name(image)
    options = Options(publish=not no_publish, again=again, lifecycle=Wish() if lifecycle else None)
    ctx.exit(finish(run_image(app.project, name, options)))
