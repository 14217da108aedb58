"""imagekit doctor"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

_COLOURS = {"ok": "green", "warn": "yellow", "missing": "red", "broken": "red"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Check what this machine has and lacks.

    Each need with what was found and the command that gets what is missing. The accelerator is decided by booting a
    probe: a device node proves nothing. Exit code 3 when something needed is missing.
    """
    from imagekit.app.needs import host_of
    from imagekit.doctor.check import OPTIONAL, check, remedies, to_json
    from imagekit.doctor.model import Need

    app: App = ctx.obj
    findings = check(Need, host_of(app.project))
    if as_json:
        import json

        say(json.dumps(to_json(findings), indent=2))
    else:
        for finding in findings:
            click.secho(f"{finding.state:<8}", fg=_COLOURS[finding.state], nl=False)
            say(f"{finding.need:<15} {finding.found}  (wanted: {finding.wanted})")
        if lines := remedies(findings):
            say(f"\nTo get what is missing:\n{lines}")
    lacking = [finding for finding in findings if not finding.enough and finding.need not in OPTIONAL]
    ctx.exit(3 if lacking else 0)
