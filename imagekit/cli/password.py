"""The password of a key: from the environment, or asked for on a terminal; never from the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import click


def key_environment(*, confirm: bool = False) -> Mapping[str, str]:
    """The environment with the password in it; raises `KeyFileError` when there is none and nobody to ask."""
    from imagekit.trust.sign.interface import KeyFileError
    from imagekit.trust.sign.keys import PASSWORD_VARIABLE

    if PASSWORD_VARIABLE in os.environ:
        return os.environ
    if not sys.stdin.isatty():
        raise KeyFileError(
            "the key needs a password, and there is no terminal to ask at", hint=f"Set {PASSWORD_VARIABLE}."
        )
    password = click.prompt("Password of the key", hide_input=True, confirmation_prompt=confirm, err=True)
    return {**os.environ, PASSWORD_VARIABLE: password}
