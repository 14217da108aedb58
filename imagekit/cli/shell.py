"""imagekit shell"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.machine import boot_option, firmware_option


@click.command("shell")
@click.argument("image", required=False)
@boot_option(
    "direct",
    "live",
    "installed",
    default="direct",
    show_default=True,
    help="Which way from the image to a running node.",
)
@firmware_option
@click.option(
    "--installed-by",
    type=click.Choice(["disk", "agent"]),
    default="disk",
    show_default=True,
    help="What makes the disk of the installed boot path: the disk builder, or kairos-agent on a live node.",
)
@click.argument("remote", nargs=-1, metavar="[-- COMMAND...]")
@click.pass_context
def command(
    ctx: click.Context,
    image: str | None,
    boot_path: str,
    firmware: str | None,
    installed_by: str,
    remote: tuple[str, ...],
) -> None:
    """Boot IMAGE and log in.

    The machine is gone when the shell ends. With a COMMAND that is run instead of a shell; its exit code is ours.
    """
    from imagekit.app.byhand import machine_by_hand
    from imagekit.base.process import interactive
    from imagekit.machine.interface import BootPath, Installer
    from imagekit.machine.ssh import shell_argv

    app: App = ctx.obj
    name, installer = app.image_name(image), Installer(installed_by)
    with machine_by_hand(app.project, name, BootPath(boot_path), firmware or "", installer) as machine:
        status = interactive([*shell_argv(machine.ssh), *remote])
    ctx.exit(status)
