"""imagekit console"""

from __future__ import annotations

import click

from imagekit.cli.app import App

_QUIET_SECONDS = 60.0


@click.command("console")
@click.argument("run_id", required=False, metavar="[RUN]")
@click.option("--road", type=click.Choice(["fast", "live"]), help="Of the machine on this road.")
@click.option("--follow", "-f", is_flag=True, help="Go on until the console is silent for a minute.")
@click.option("--raw", is_flag=True, help="Leave the terminal's control sequences in.")
@click.pass_obj
def command(app: App, run_id: str | None, road: str | None, follow: bool, raw: bool) -> None:
    """Show or follow the console of the last machine.

    The serial log from the first byte, also of a machine that runs now and of one that never came up.
    """
    from imagekit.app.consoles import find_console
    from imagekit.app.consoles import follow as followed
    from imagekit.machine.console import clean

    log = find_console(app.work, run_id, road)
    click.echo(f"{log}:", err=True)
    pending = b""
    for chunk in followed(log, seconds=_QUIET_SECONDS if follow else 0.0):
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace")
            click.echo(text if raw else clean(text))
    if pending:
        click.echo(pending.decode("utf-8", "replace") if raw else clean(pending.decode("utf-8", "replace")))
