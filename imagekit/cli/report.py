"""imagekit report"""

from __future__ import annotations

import os
from pathlib import Path

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say, show_result


@click.command("report")
@click.argument("run_id", required=False, metavar="[RUN]")
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
@click.option("--list", "list_runs", is_flag=True, help="List the runs that are kept, newest first.")
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown"]), default="text", show_default=True, help="How."
)
@click.pass_context
def command(ctx: click.Context, run_id: str | None, open_page: bool, list_runs: bool, form: str) -> None:
    """Show the report of the last run, or of one run.

    Every view is made of the run's result.json; `--format markdown` is for the summary of a job of GitHub Actions.
    Exit code 1 when that run did not pass.
    """
    from imagekit.app.runs import find_run, kept_runs, write_views
    from imagekit.report.card import word_of
    from imagekit.report.result import Verdict, read_result

    app: App = ctx.obj
    if list_runs:
        for folder in kept_runs(app.work):
            result = read_result(folder)
            trial = f"  ({result.trial})" if result.trial else ""
            say(f"{result.run_id}  {word_of(result):<11}  {result.image} {result.version}{trial}")
        return
    folder = find_run(app.work, run_id)
    result = read_result(folder)
    page = write_views(result, folder)
    if form == "markdown":
        from imagekit.report.markdown import render_markdown

        say(render_markdown(result), nl=False)
    else:
        show_result(result, page)
    if open_page and not _opened(page):
        say(f"no browser could be started; the page is {page}", err=True)
    ctx.exit(1 if result.verdict is Verdict.FAILED else 0)


def _opened(page: Path) -> bool:
    """Whether a browser was asked to show the page; without a screen none is, for xdg-open would only complain."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    return click.launch(page.as_uri()) == 0
