"""Options that select checks, shared by commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from imagekit.checks.selection import Selection
    from imagekit.cli.app import App


def selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`-k`, `--failed` and `--fail-fast`."""
    for option in (
        click.option("--fail-fast", is_flag=True, help="Stop at the first check that does not pass."),
        click.option("--failed", is_flag=True, help="Only the checks that did not pass in the last run of IMAGE."),
        click.option(
            "-k",
            "expression",
            default="",
            metavar="EXPR",
            help="Only checks whose names match: 'ssh and not root'.",
        ),
    ):
        command = option(command)
    return command


def selected(app: App, image: str, expression: str, failed: bool, fail_fast: bool) -> Selection:
    """What these options ask for."""
    from imagekit.checks.selection import Selection

    if not failed:
        return Selection(expression=expression, fail_fast=fail_fast)
    from imagekit.app.again import failed_before

    return replace(failed_before(app.project, image), expression=expression, fail_fast=fail_fast)
