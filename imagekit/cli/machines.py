"""imagekit machines"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.group("machines")
def command() -> None:
    """List and stop machines that are kept."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_(app: App, as_json: bool) -> None:
    """List the machines that `imagekit test --keep` keeps: image, boot path, until when, by which process."""
    import json
    from dataclasses import asdict

    from imagekit.app.keptmachine import kept_machines

    found = kept_machines(app.work)
    if as_json:
        say(json.dumps([asdict(each) for each in found], indent=2))
        return
    for each in found:
        until = each.until[:16].replace("T", " ")
        say(f"{each.name}  {each.image} {each.version}  until {until} UTC  process {each.pid}")
    if not found:
        say("no machine is kept")


@command.command("stop")
@click.argument("names", nargs=-1, metavar="[NAME|IMAGE]...")
@click.option("--all", "every", is_flag=True, help="All of them.")
@click.pass_context
def stop(ctx: click.Context, names: tuple[str, ...], every: bool) -> None:
    """End kept machines, by name, or by image where one of it is kept; without a name the only one."""
    from imagekit.app.keptmachine import kept_machines, machine_named, stop_machine

    app: App = ctx.obj
    there = kept_machines(app.work)
    if not names and not every and len(there) > 1:
        raise click.UsageError(f"which one? Kept now: {', '.join(each.name for each in there)}; or --all")
    ended = True
    for machine in [machine_named(app.work, name) for name in names] or there:
        done = stop_machine(app.work, machine)
        say(f"{'stopped' if done else 'does not end: process ' + str(machine.pid) + ' still keeps'} {machine.name}")
        ended = ended and done
    if not there:
        say("no machine is kept")
    ctx.exit(0 if ended else 3)
