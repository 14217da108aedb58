"""Options that select checks, shared by commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from imagekit.app.keptmachine import KeptMachine
    from imagekit.checks.named import NamedSuite
    from imagekit.checks.selection import Selection
    from imagekit.cli.app import App


def selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--suite`, `-k`, `--failed` and `--fail-fast`."""
    for option in (
        click.option("--fail-fast", is_flag=True, help="Stop at the first check that does not pass."),
        click.option(
            "--failed",
            is_flag=True,
            help="Only the checks that did not pass in the last run of IMAGE, or on its kept machine.",
        ),
        click.option(
            "-k",
            "expression",
            default="",
            metavar="EXPR",
            help="Only checks whose names match: 'ssh and not root'.",
        ),
        click.option(
            "--suite",
            "suites",
            multiple=True,
            metavar="NAME[,NAME]",
            help="Only the checks of these suites: a layer, or a name as `imagekit check suites` lists them.",
        ),
    ):
        command = option(command)
    return command


def apart(app: App, image: str, selection: Selection) -> tuple[Selection, tuple[NamedSuite, ...]]:
    """The selection without the suites that want fixtures, and these; they are no part of a layer's checks."""
    from imagekit.checks.named import suites_for
    from imagekit.checks.suites import known_suites

    layers, harness = app.project.image(image).layers, app.project.harness
    fixtures = suites_for(harness, layers) if selection.suites else {}
    plain = known_suites(layers, harness / "checks") if fixtures else ()
    left = tuple(name for name in selection.suites if name in plain or name not in fixtures)
    return replace(selection, suites=left), tuple(fixtures[name] for name in selection.suites if name in fixtures)


def selected(
    app: App,
    image: str,
    expression: str,
    failed: bool,
    fail_fast: bool,
    suites: Sequence[str] = (),
    machine: KeptMachine | None = None,
) -> Selection:
    """What these options ask for, of a kept machine where one is named.

    Raises `UnknownSuiteError` for a suite that the image does not have.
    """
    from imagekit.checks.selection import Selection
    from imagekit.checks.suites import require_suites, split_names

    names = split_names(suites)
    if names:
        from imagekit.app.muting import suites_of_image

        require_suites(names, suites_of_image(app.project, image))
    asked = Selection(expression=expression, suites=names, fail_fast=fail_fast)
    if not failed:
        return asked
    from imagekit.app.again import failed_before

    return replace(asked, ids=failed_before(app.project, image, machine).ids)


def suites_beside(app: App, image: str, values: Sequence[str]) -> tuple[NamedSuite, ...]:
    """The suites with fixtures among these names; the others are of the layers' checks, all of which every run has.

    Raises `UnknownSuiteError` for a name that no suite of the image has.
    """
    from imagekit.app.muting import suites_of_image
    from imagekit.checks.named import suites_for
    from imagekit.checks.suites import require_suites, split_names

    names = split_names(values)
    if not names:
        return ()
    known = suites_for(app.project.harness, app.project.image(image).layers)
    require_suites(names, suites_of_image(app.project, image))
    return tuple(known[name] for name in names if name in known)
