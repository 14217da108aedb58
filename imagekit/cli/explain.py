"""imagekit explain"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say, show_card


@click.command("explain")
@click.argument("what", required=False, metavar="[RUN|CHECK|SCENARIO|LINE|PAGE]")
@click.pass_obj
def command(app: App, what: str | None) -> None:
    """Say why a run failed, or what the runbook says of a check.

    Without an argument the failure card of the last run, with a run's id (or its beginning) that run's. A check, a
    scenario, a line of the console or a page of the runbook gives the page.
    """
    from imagekit.app.explain import explain, run_named

    result = run_named(app.work, what)
    if result is not None:
        show_card(result)
        return
    found = explain(app.root, what or "")
    if found.about:
        say(found.about)
    say(f"{found.page}:\n")
    say(found.text, nl=not found.text.endswith("\n"))
