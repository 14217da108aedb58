"""Results on the screen."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagekit.base.errors import ImagekitError
from imagekit.base.text import printable

if TYPE_CHECKING:
    from imagekit.app.options import Finished
    from imagekit.report.result import RunResult

# https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions; `##[` is the runner's older form.
NO_LIMIT = 100_000
_ORDER = re.compile(r"^(\s*:)(?=:)|(##)(?=\[)", re.MULTILINE)


def shown(text: str) -> str:
    """A text that may hold what others wrote, so that neither a terminal nor a CI runner does what it says."""
    return unordered(printable(text))


def unordered(text: str) -> str:
    """On GitHub's runners: no line is a workflow command, whether it begins so or, in the older form, holds one."""
    return _ORDER.sub(lambda found: f"{found[0]} ", text) if os.environ.get("GITHUB_ACTIONS") else text


def say(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Print a text as `shown`."""
    click.echo(shown(str(text)), err=err, nl=nl)  # noqa: TID251 - this is the one place


def show_card(result: RunResult) -> None:
    """The failure card of a run alone, as wide as `show_result`; of a run that passed the verdict."""
    from imagekit.report.terminal import render_card

    text = render_card(result, width=columns(), color=_coloured())
    click.echo(unordered(text), nl=False)  # noqa: TID251 - as above


def columns() -> int:
    """Characters a line: those of the terminal, or of COLUMNS where that is set; without either there is no limit."""
    asked = os.environ.get("COLUMNS", "")
    if not sys.stdout.isatty() and not (asked.isdecimal() and int(asked)):
        return NO_LIMIT
    return shutil.get_terminal_size().columns


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def show_result(result: RunResult, page: Path) -> None:
    """The summary of a run, as wide as the terminal or as COLUMNS says; in a pipe or a file no line is folded."""
    from imagekit.report.terminal import render_terminal

    text = render_terminal(result, width=columns(), color=_coloured(), page=str(page))
    click.echo(unordered(text), nl=not text.endswith("\n"))  # noqa: TID251 - its colours are ours, its words are cleaned


def finish(finished: Finished) -> int:
    """Show how a run ended and return the exit code."""
    from imagekit.report.result import Verdict

    if finished.unchanged:
        say(f"Nothing changed since {finished.result.started}: this is the result of that run.")
    show_result(finished.result, finished.page)
    match finished.error:
        case None:
            return 1 if finished.result.verdict is Verdict.FAILED else 0
        case ImagekitError() as error:
            return error.exit_code
        case error:
            raise error
