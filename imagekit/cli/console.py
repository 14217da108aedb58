"""imagekit console"""

from __future__ import annotations

import sys

import click

from imagekit.cli.app import App
from imagekit.cli.machine import boot_option
from imagekit.cli.screen import say

_QUIET_SECONDS = 60.0


@click.command("console")
@click.argument("run_id", required=False, metavar="[RUN]")
@boot_option("direct", "live", "installed", help="Of the machine on this boot path.")
@click.option("--follow", "-f", is_flag=True, help="Go on until the console is silent for a minute.")
@click.option("--raw", is_flag=True, help="The bytes as they came, control sequences included.")
@click.pass_obj
def command(app: App, run_id: str | None, boot_path: str | None, follow: bool, raw: bool) -> None:
    """Show or follow the console of the last machine.

    Without RUN that of a machine that is kept, where there is one. The serial log from the first byte,
    also of a machine that runs now and of one that never came up.
    """
    from imagekit.app.consoles import find_console
    from imagekit.app.consoles import follow as followed
    from imagekit.app.keptmachine import kept_machine

    kept = kept_machine(app.work) if run_id is None and boot_path is None else None
    log = find_console(app.work, *((kept.run_id, kept.boot_path) if kept else (run_id, boot_path)))
    say(f"{log}:", err=True)
    chunks = followed(log, seconds=_QUIET_SECONDS if follow else 0.0)
    if raw:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        return
    pending, written = b"", False
    for chunk in chunks:
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            written |= _said(line)
    written |= bool(pending) and _said(pending)
    if not written:
        say(
            "nothing was written there, as in a quiet boot that goes well; see `imagekit shell -- journalctl -b`",
            err=True,
        )


def _said(line: bytes) -> bool:
    """Print a line; whether anything is in it but control sequences, which a terminal is prepared with."""
    from imagekit.machine.console import clean

    text = clean(line.decode("utf-8", "replace"))
    if text or not line.strip():
        say(text)
    return bool(text)
