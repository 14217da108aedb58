"""The family of errors: each says what happened and what to do next.

Exit codes: 0 done, 1 the answer is no (a check failed, drift, a bad signature, a taken tag),
2 usage or configuration, 3 a tool or the host failed, 4 could not tell, 5 drift upstream,
130 interrupted. Only ``imagekit.cli`` exits.
"""

from __future__ import annotations

from typing import ClassVar


class ImagekitError(Exception):
    """Base of all errors that a user may see.

    `hint` tells the next step; `exit_code` is what the process ends with.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class RefusedError(ImagekitError):
    """The answer is no: the input was understood and found wanting."""

    exit_code = 1


class ConfigError(ImagekitError):
    """The configuration or the command line is wrong."""

    exit_code = 2


class ToolError(ImagekitError):
    """A tool or the host failed."""

    exit_code = 3
