"""imagekit shell"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.machine import firmware_option


@click.command("shell")
@click.argument("image", required=False)
@click.option(
    "--road",
    type=click.Choice(["fast", "live", "installed"]),
    default="fast",
    show_default=True,
    help="Which way from the image to a running node.",
)
@firmware_option
@click.argument("remote", nargs=-1, metavar="[-- COMMAND...]")
@click.pass_context
def command(ctx: click.Context, image: str | None, road: str, firmware: str | None, remote: tuple[str, ...]) -> None:
    """Boot IMAGE and log in.

    The machine is gone when the shell ends. With a COMMAND that is run instead of a shell; its exit code is ours.
    """
    from imagekit.pipeline.byhand import machine_by_hand
    from imagekit.process import interactive
    from imagekit.vm.interface import Road
    from imagekit.vm.ssh import shell_argv

    app: App = ctx.obj
    with machine_by_hand(app.project, app.image_name(image), Road(road), firmware or "") as machine:
        status = interactive([*shell_argv(machine.ssh), *remote])
    ctx.exit(status)
