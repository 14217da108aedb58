"""imagekit test"""

from __future__ import annotations

import sys
from typing import Unpack

import click

from imagekit.cli.app import App
from imagekit.cli.lifecycle import LifecycleWords, lifecycle_options, scenario_options
from imagekit.cli.locked import locked_option
from imagekit.cli.machine import boot_option, firmware_option, fresh_option
from imagekit.cli.screen import finish, say


@click.command("test")
@click.argument("image", required=False)
@boot_option(
    "direct",
    "live",
    "both",
    "installed",
    "all",
    default="both",
    show_default=True,
    help="Which way from the image to a running node; both: direct and live.",
)
@firmware_option
@fresh_option
@locked_option
@click.option("--keep", is_flag=True, help="Keep the last machine until Enter or Ctrl-C, and say how to log in.")
@lifecycle_options
@click.pass_context
def command(
    ctx: click.Context,
    image: str | None,
    boot_path: str,
    firmware: str | None,
    fresh: bool,
    keep: bool,
    **words: Unpack[LifecycleWords],
) -> None:
    """Boot IMAGE and run the checks of its layers.

    Builds it first when its inputs changed; publishes nothing. With --lifecycle every lifecycle scenario follows; with
    --scenario the named ones are all that is run.
    """
    if words["list_scenarios"]:
        from imagekit.scenarios.table import listing

        say(listing())
        return
    from imagekit.app.options import Options
    from imagekit.app.run import run_image
    from imagekit.machine.interface import DISKLESS, BootPath

    app: App = ctx.obj
    several = {"both": DISKLESS, "all": tuple(BootPath)}
    boot_paths: tuple[BootPath, ...] = several[boot_path] if boot_path in several else (BootPath(boot_path),)
    if words["scenario"] and not words["lifecycle"]:
        boot_paths = ()
    options = Options(
        boot_paths=boot_paths,
        publish=False,
        fresh=fresh,
        lifecycle=scenario_options(words),
        firmware=firmware or "",
        keep=_hold if keep else None,
    )
    ctx.exit(finish(run_image(app.project, app.image_name(image), options)))


def _hold(login: str) -> None:
    say(f"The machine is kept. Log in from another terminal:\n  {login}\nEnter or Ctrl-C ends it.", err=True)
    try:
        sys.stdin.readline()
    except KeyboardInterrupt:
        say("", err=True)
