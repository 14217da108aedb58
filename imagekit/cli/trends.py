"""imagekit trends"""

from __future__ import annotations

from pathlib import Path

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("trends")
@click.argument("image", required=False)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with plots to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--rebuild", is_flag=True, help="Put the history aside and make it anew of the results kept here.")
@click.option(
    "--add",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="Take in a result file, or a folder of runs and nights, of another machine; repeatable.",
)
@click.pass_obj
def command(app: App, image: str | None, html: Path | None, as_json: bool, rebuild: bool, add: tuple[Path, ...]) -> int:
    """Show boot cost, size, checks, flakes, packages behind over time.

    Of IMAGE, or of every image of which the history knows a run.
    """
    from datetime import UTC, datetime

    from imagekit.app.remember import open_history
    from imagekit.history import read
    from imagekit.history.terminal import render
    from imagekit.history.trends import trends

    if rebuild:
        _rebuild(app)
    now = datetime.now(UTC)
    unread = _added(app, add)
    with open_history(app.project) as history:
        history.require_whole()
        known = sorted({run.image for run in read.runs(history)} | {night.image for night in read.nights(history)})
        names = [app.image_name(image)] if image else known
        found = [trends(history, name, now.date()) for name in names]
    if html is not None:
        from imagekit.app.alarms import watch
        from imagekit.history.page import write_page

        write_page(found, watch(app.project, now, image=image or "").alarms, now, html)
        say(f"{html}", err=as_json)
    if as_json:
        import json
        from dataclasses import asdict

        say(json.dumps([asdict(each) for each in found], default=str, indent=2))
    elif html is None:
        say("\n".join(map(render, found)) or "No run has been recorded here yet; `imagekit run IMAGE` makes one.")
    return 1 if unread else 0


def _rebuild(app: App) -> None:
    from imagekit.app.remember import rebuild_history

    done = rebuild_history(app.project)
    aside = f"; the old file is {done.aside}" if done.aside else ""
    say(f"history made of {done.runs} kept runs and {done.nights} nights{aside}", err=True)
    if done.aside:
        say("what gates answered, and runs whose results are not kept here, are in the old file alone", err=True)
    for line in done.unread:
        say(f"not read: {line}", err=True)


def _added(app: App, paths: tuple[Path, ...]) -> list[str]:
    """Take results in; what could not be read."""
    from imagekit.app.remember import open_history
    from imagekit.history.add import add_night
    from imagekit.history.nightfile import FILE_NAME as NIGHT
    from imagekit.history.nightfile import read_night
    from imagekit.history.rebuild import Rebuilt, add_results
    from imagekit.report.result import FILE_NAME

    if not paths:
        return []
    done = Rebuilt()
    with open_history(app.project) as history:
        for path in paths:
            found = sorted(path.rglob(FILE_NAME)) if path.is_dir() else [path]
            for night in sorted(path.rglob(NIGHT)) if path.is_dir() else []:
                add_night(history, read_night(night))
                done.nights += 1
            if not found and not done.nights:
                done.unread.append(f"{path}: no {FILE_NAME} in it")
            add_results(history, found, done)
    say(f"{done.runs} results and {done.nights} nights taken in", err=True)
    for line in done.unread:
        say(f"not read: {line}", err=True)
    return done.unread
