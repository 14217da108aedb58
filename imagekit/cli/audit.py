"""imagekit audit"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.audit.model import Report


class Form(StrEnum):
    """How a report is printed."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


@click.command("audit")
@click.option("--node", default="", help="One node, by its name in the fleet files.")
@click.option("--digest", default="", help="Where a digest was, and when; and who still runs it.")
@click.option("--fleet", is_flag=True, help="Every node.")
@click.option("--at", default="", metavar="DATE", help="A moment, or a whole day.")
@click.option("--range", "span", default="", metavar="A..B", help="From A to B; a day is meant whole.")
@click.option("--since", default="", metavar="DATE", help="From then to now.")
@click.option("--zone", default="UTC", show_default=True, help="Zone of dates that name none, such as Europe/Berlin.")
@click.option(
    "--format", "form", type=click.Choice([each.value for each in Form]), default="text", show_default=True, help="How."
)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a timeline as one page.")
@click.option("--sign", type=click.Path(path_type=Path, dir_okay=False), help="Write the report, signed (in-toto).")
@click.option("--bundle", type=click.Path(path_type=Path, dir_okay=False), help="Write the evidence as a ZIP file.")
@click.option("--key", help="Key that signs.  [default: the key of this clone that may promote]")
@click.option(
    "--observations",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of observations.  [default: .imagekit/observations.sqlite]",
)
@click.option("--offline", is_flag=True, help="Ask no registry: then nothing is proven.")
@click.option("--accept-history", is_flag=True, help="Take a history that was rewritten, after a look at it.")
@click.pass_context
def command(ctx: click.Context, /, form: str, **asked: Any) -> None:
    """Say what ran on which node when, and how far that is proven.

    Answers come from the first-parent history of fleet and channel files, the signed records, what the registry's
    signatures are worth now, and what `imagekit observe` kept. Every interval is [from, to) in UTC with a verdict:
    proven, confirmed, contradicted or unknown. Exit code 1 unless all of it is proven or confirmed.
    """
    from imagekit.app.auditreport import Asked, Written, audit, written

    app: App = ctx.obj
    named = {name: asked.pop(name) for name in ("html", "sign", "bundle", "key")}
    files = Written(**named, observations=asked["observations"])
    report = audit(app.project, Asked(**asked))
    _print(report, Form(form))
    for path in written(app.project, report, files):
        say(f"written  {path}", err=True)
    ctx.exit(0 if report.borne_out and not report.problems else 1)


def _print(report: Report, form: Form) -> None:
    from imagekit.audit.show import as_csv, as_json, as_text

    match form:
        case Form.TEXT:
            say(as_text(report))
        case Form.JSON:
            say(as_json(report))
        case Form.CSV:
            say(as_csv(report), nl=False)
        case _:
            assert_never(form)
