"""imagekit shell"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.locked import locked_option
from imagekit.cli.machine import boot_option, cold_option, firmware_option, with_option
from imagekit.cli.screen import say


@click.command("shell")
@click.argument("image", required=False)
@boot_option(
    "direct",
    "live",
    "installed",
    help="Which way from the image to a running node.  [default: that of a kept machine, or direct]",
)
@firmware_option
@cold_option
@click.option(
    "--installed-by",
    type=click.Choice(["disk", "agent"]),
    default="disk",
    show_default=True,
    help="What makes the disk of the installed boot path: the disk builder, or kairos-agent on a live node.",
)
@with_option
@click.option("--new", is_flag=True, help="Boot a machine even where one of IMAGE is kept.")
@locked_option
@click.argument("remote", nargs=-1, metavar="[-- COMMAND...]")
@click.pass_context
def command(
    ctx: click.Context,
    image: str | None,
    boot_path: str | None,
    firmware: str | None,
    cold: bool,
    installed_by: str,
    fixtures: str,
    new: bool,
    remote: tuple[str, ...],
) -> None:
    """Boot IMAGE and log in.

    Where `imagekit test --keep` keeps a machine of IMAGE, that one is logged in to, and lives on. A machine that is
    booted for the shell is gone when it ends. With a COMMAND that is run instead of a shell; its exit code is ours.
    With --with it is in the network of these fixtures (vm-harness/fixtures), and reaches nothing else; needs root.
    """
    from imagekit.app.byhand import machine_by_hand
    from imagekit.app.keptmachine import kept_machine
    from imagekit.base.process import interactive
    from imagekit.machine.interface import BootPath, Installer
    from imagekit.machine.ssh import shell_argv

    app: App = ctx.obj
    name, installer = app.image_name(image), Installer(installed_by)
    asked = BootPath(boot_path) if boot_path else None
    wanted = tuple(each for each in fixtures.split(",") if each)
    kept = None if new or firmware or cold or wanted else kept_machine(app.work, name, asked)
    if kept is not None:
        say(f"attached to {kept.name}, which is kept until {kept.until[:16]} UTC (--new starts another)", err=True)
        ctx.exit(interactive(["ssh", "-F", kept.ssh_config, "-t", kept.alias, *remote]))
    path = asked or BootPath.DIRECT
    with machine_by_hand(app.project, name, path, firmware or "", installer, cold=cold, fixtures=wanted) as machine:
        status = interactive([*shell_argv(machine.ssh), *remote])
    ctx.exit(status)
