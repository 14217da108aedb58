"""imagekit drift"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("drift")
@click.argument("image", required=False)
@click.option(
    "--part",
    "parts",
    type=click.Choice(["pinned", "fresh", "fleet"]),
    multiple=True,
    help="Only this question; may be given several times.",
)
@click.option("--full", is_flag=True, help="Build and test although nothing moved and a good night is not a week old.")
@click.option("--no-lifecycle", is_flag=True, help="Leave the scenarios out of the pinned and the fresh part.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--last", is_flag=True, help="Show what the last night found, and hold none.")
@click.pass_obj
def command(
    app: App, image: str | None, parts: tuple[str, ...], full: bool, no_lifecycle: bool, as_json: bool, last: bool
) -> int:
    """Say what moved upstream, whether IMAGE still holds, and what broke it.

    Pinned: what the lock names is built again, booted and tested. Fresh: everything is looked up anew, built and
    tested; when it is bad, the package and the layer that are to blame are found by building between the two. Fleet:
    every digest that a channel or fleet file names is pulled, verified, booted and rolled back to. What moved and works
    is left as a branch, imagekit/drift/IMAGE. Exit code 0: what is shipped holds; 1: it does not; 5: it does, and what
    upstream has now does not work; 4: could not tell.
    """
    from imagekit.drift.conduct import REPORT, TEXT, conduct, last_report, new_night
    from imagekit.drift.local import open_world
    from imagekit.drift.model import Part
    from imagekit.drift.night import Options
    from imagekit.drift.text import as_data, as_text

    name = app.image_name(image)
    if last:
        say(last_report(app.project.work, name, REPORT if as_json else TEXT), nl=False)
        return 0
    night = new_night(name)
    options = Options(parts=frozenset(map(Part, parts)) or frozenset(Part), full=full, lifecycle=not no_lifecycle)
    report = conduct(app.project, open_world(app.project, name, night), name, night, options)
    if as_json:
        import json

        say(json.dumps(as_data(report), indent=2, default=str))
    else:
        say(as_text(report))
    return report.verdict.exit_code
