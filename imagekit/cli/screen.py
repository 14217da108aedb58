"""Results on the screen."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagekit.base.errors import ImagekitError
from imagekit.base.text import printable

if TYPE_CHECKING:
    from imagekit.app.run import Finished
    from imagekit.report.result import RunResult


def say(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Print a text that may hold what others wrote: whatever a terminal would obey is shown and not done."""
    click.echo(printable(str(text)), err=err, nl=nl)  # noqa: TID251 - this is the one place


def show_result(result: RunResult, page: Path) -> None:
    """The summary of a run, as wide as the terminal and at most 120 columns."""
    from imagekit.report.terminal import render_terminal

    width = max(60, min(120, shutil.get_terminal_size().columns))
    text = render_terminal(result, width=width, color=sys.stdout.isatty(), page=str(page))
    click.echo(text, nl=not text.endswith("\n"))  # noqa: TID251 - its colours are ours, its words are cleaned


def finish(finished: Finished) -> int:
    """Show how a run ended and return the exit code."""
    from imagekit.report.result import Verdict

    if finished.unchanged:
        say(f"Nothing changed since {finished.result.started}: this is the verdict of then.")
    show_result(finished.result, finished.page)
    match finished.error:
        case None:
            return 0 if finished.result.verdict is Verdict.PASSED else 1
        case ImagekitError() as error:
            return error.exit_code
        case error:
            raise error
