"""imagekit explain"""

from __future__ import annotations

from pathlib import Path

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say, show_card


@click.command("explain")
@click.argument("what", required=False, metavar="[RUN|CHECK|CONTROL|SCENARIO|LINE|LOGFILE|PAGE]")
@click.pass_obj
def command(app: App, what: str | None) -> None:
    """Say why a run failed, or what the runbook says of a check.

    Without an argument the failure card of the last run, with a run's id (or its beginning) that run's. A check, a
    hardening control, a scenario, a promise of the node contract, what one of them said when it failed, a line of a
    console or log or a page of the runbook gives the page; a file gives every line of it that the runbook knows, with
    the pages. `imagekit explain index` lists all pages by symptom.
    """
    from imagekit.app.explain import explain, explain_log, run_named

    result = run_named(app.work, what)
    if result is not None:
        show_card(result)
        return
    if what and ("/" in what or "." in what) and (path := Path(what)).is_file() and path.suffix != ".md":
        say(explain_log(app.root, path))
        return
    found = explain(app.root, what or "")
    if found.about:
        say(found.about)
    say(f"{found.page}:\n")
    say(found.text, nl=not found.text.endswith("\n"))
