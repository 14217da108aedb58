"""Results on the screen."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from imagekit.report.result import RunResult


def show_result(result: RunResult, page: Path) -> None:
    """The summary of a run, as wide as the terminal and at most 120 columns."""
    from imagekit.report.terminal import render_terminal

    width = max(60, min(120, shutil.get_terminal_size().columns))
    text = render_terminal(result, width=width, color=sys.stdout.isatty(), page=str(page))
    click.echo(text, nl=not text.endswith("\n"))
