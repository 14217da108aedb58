"""imagekit bench"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from imagekit.bench.catalog import BENCHMARKS, EARLIER, chosen
from imagekit.cli.app import App
from imagekit.cli.screen import say

# \b keeps click from folding the lines into one paragraph.
_NAMES = "\b\nBenchmarks:\n" + "\n".join(f"  {name:<10} {text}" for name, text in BENCHMARKS.items())


@click.command("bench", epilog=_NAMES)
@click.argument("names", nargs=-1, metavar="[NAMES]...", type=click.Choice([*BENCHMARKS, *EARLIER]))
@click.option("--image", help="Image to measure with; not needed when there is only one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the Markdown table to this file as well."
)
@click.option(
    "--compare", "revision", metavar="REV", help="Measure imagekit at this commit, tag or branch as well, in turn."
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 99),
    default=3,
    show_default=True,
    help="How often both are measured with --compare; of each row the round whose ratio is the middle one counts.",
)
@click.pass_context
def command(
    ctx: click.Context,
    names: tuple[str, ...],
    image: str | None,
    as_json: bool,
    out: Path | None,
    revision: str | None,
    rounds: int,
) -> None:
    """Measure the pipeline against its goals; print ratios of one run.

    Every reference is measured in the same run. Without NAMES all but `fixtures`, `enterprise`, `races`, `lifecycle`,
    `locked` and `cold` are measured. Results are kept in .imagekit/bench. Exit code 1 when a goal is
    missed, 3 when something could not be measured. With --compare there are no goals and
    nothing is kept: ratios of now to then.
    """
    from imagekit.base.files import write_whole
    from imagekit.bench import table
    from imagekit.bench.suite import keep_report, run_benchmarks

    app: App = ctx.obj
    if revision is not None:
        ctx.exit(_compare(app, app.image_name(image), chosen(names), revision, rounds, as_json, out))
    asked = shlex.join(["imagekit", *sys.argv[1:]])
    report = run_benchmarks(app.project, app.image_name(image), chosen(names), asked)
    kept = keep_report(report, app.work / "bench")
    if out is not None:
        write_whole(out, table.as_markdown(report))
    say(table.as_json(report) if as_json else table.as_text(report), nl=False)
    say(f"kept in {kept} and {kept.with_suffix('.md').name}", err=True)
    if report.errors:
        ctx.exit(3)
    ctx.exit(1 if report.missed else 0)


def _compare(
    app: App, image: str, names: tuple[str, ...], revision: str, rounds: int, as_json: bool, out: Path | None
) -> int:
    """Two revisions side by side; the exit code."""
    from imagekit.base.files import write_whole
    from imagekit.bench import table
    from imagekit.bench.compare import compare

    found = compare(app.project, image, names, revision, rounds)
    if out is not None:
        write_whole(out, table.comparison_markdown(found))
    say(table.comparison_json(found) if as_json else table.comparison_text(found), nl=False)
    return 3 if found.errors else 0
