"""imagekit test"""

from __future__ import annotations

import select
import sys
from functools import partial
from typing import TYPE_CHECKING, Unpack

import click

from imagekit.cli.app import App
from imagekit.cli.lifecycle import LifecycleWords, lifecycle_options, scenario_options
from imagekit.cli.locked import locked_option
from imagekit.cli.machine import boot_option, cold_option, firmware_option, fresh_option, within_option
from imagekit.cli.screen import finish, say
from imagekit.cli.selecting import apart, selected, selection_options

if TYPE_CHECKING:
    from imagekit.app.interface import Booted
    from imagekit.checks.outcome import SuiteResult


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
@cold_option
@locked_option
@selection_options
@click.option("--keep", is_flag=True, help="Keep the last machine until Enter or Ctrl-C, for `check` and `shell`.")
@click.option(
    "--watch",
    is_flag=True,
    help="Keep the machine and run changed checks on it, failed ones first; build and boot when the image changes.",
)
@click.option(
    "--keep-for",
    "hours",
    type=click.FloatRange(0.01, 168),
    default=8.0,
    show_default=True,
    metavar="HOURS",
    help="How long a machine is kept at most.",
)
@within_option
@lifecycle_options
@click.pass_context
def command(
    ctx: click.Context,
    image: str | None,
    boot_path: str,
    firmware: str | None,
    fresh: bool,
    cold: bool,
    expression: str,
    suites: tuple[str, ...],
    failed: bool,
    fail_fast: bool,
    keep: bool,
    watch: bool,
    hours: float,
    within: float | None,
    **words: Unpack[LifecycleWords],
) -> None:
    """Boot IMAGE and run the checks of its layers.

    Builds it first when its inputs changed; publishes nothing. With --lifecycle every lifecycle scenario follows; with
    --scenario the named ones are all that is run. Suites that want servers beside the node (ad, ca, network) run in a
    network of these, as root; with none but such suites they are all that is run. A run of some checks (--suite, -k,
    --failed) never counts as the whole: it is neither reused nor published.
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
    name = app.image_name(image)
    selection, wanted = apart(app, name, selected(app, name, expression, failed, fail_fast, suites))
    if wanted and not selection.suites:
        boot_paths = ()
    boot_paths = tuple(BootPath(each) for each in selection.paths(boot_paths))
    options = Options(
        boot_paths=boot_paths,
        publish=False,
        fresh=fresh,
        cold=cold,
        lifecycle=scenario_options(words),
        firmware=firmware or "",
        keep=partial(_hold, app, hours) if keep else None,
        selection=selection,
        suites=wanted,
        within=within,
    )
    if watch:
        from imagekit.cli.watching import watch_image

        ctx.exit(watch_image(app, name, options, hours))
    ctx.exit(finish(run_image(app.project, name, options)))


def _hold(app: App, hours: float, machine: Booted, found: SuiteResult) -> None:
    """Until Enter, Ctrl-C, `imagekit machines stop` or its age; without a terminal there is no Enter."""
    from datetime import timedelta

    from imagekit.app.keptmachine import hold
    from imagekit.app.stillfailing import note_failing

    kept, person = machine.kept(), sys.stdin.isatty()
    note_failing(kept, found)
    say(
        f"The machine is kept for {hours:g} hours at most. From another terminal:\n"
        f"  imagekit check {kept.image} -k EXPR      run checks on it\n"
        f"  imagekit shell {kept.image}              log in ({machine.login})\n"
        f"{'Enter, Ctrl-C or ' if person else ''}`imagekit machines stop` ends it.",
        err=True,
    )
    try:
        why = hold(app.work, kept, timedelta(hours=hours), entered if person else lambda: False)
    except KeyboardInterrupt:
        why = ""
    say(why, err=True)


def entered() -> bool:
    """Whether Enter was pressed on this terminal."""
    ready, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(ready and sys.stdin.readline() is not None)
