"""The option that says what images are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from imagekit.cli.app import App

_F = TypeVar("_F", bound=Callable[..., Any])


def locked_option(command: _F) -> _F:
    """``--locked`` and ``--floating``; it is kept in `App` and not handed to the command."""
    return click.option(
        "--locked/--floating",
        "locked",
        default=None,
        expose_value=False,
        callback=_keep,
        help="Of the packages in images/locks alone and without network, or of what the mirror has now.  "
        "[default: locked where CI=true, else floating; IMAGEKIT_LOCKED=yes|no]",
    )(command)


def _keep(ctx: click.Context, _: click.Parameter, value: bool | None) -> None:
    app: App = ctx.obj
    app.locked = value
