"""Suites: sets of checks with a name. Every layer is one; the mark ``suite(name)`` puts a check into others too.

Read from the check files alone: nothing is imported, no pytest runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from imagekit.base.errors import ConfigError

MARK = "suite"


class UnknownSuiteError(ConfigError):
    """A name that no suite of these layers has."""


def known_suites(layers: Iterable[str], checks_root: Path) -> tuple[str, ...]:
    """The layers themselves, then every suite that a check of theirs is marked with, sorted."""
    folders = tuple(dict.fromkeys(layers))
    marked = {name for layer in folders for path in (checks_root / layer).rglob("test_*.py") for name in _marked(path)}
    return (*folders, *sorted(marked - set(folders)))


def require_suites(wanted: Sequence[str], known: Sequence[str]) -> None:
    """Raise `UnknownSuiteError` that lists what there is, for a suite that is not."""
    for name in wanted:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            guess = f"Did you mean {close[0]!r}? " if close else ""
            raise UnknownSuiteError(f"there is no suite {name!r}", hint=f"{guess}There are: {', '.join(known)}.")


def split_names(values: Iterable[str]) -> tuple[str, ...]:
    """The names in values such as ``ad,ca``, each once; an empty name is an error (`UnknownSuiteError`)."""
    names = [name.strip() for value in values for name in value.split(",")]
    if "" in names:
        raise UnknownSuiteError("a suite has a name", hint="As in --suite hardening,kernel.")
    return tuple(dict.fromkeys(names))


def _marked(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return  # the lint before a run names the file
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="suite"), args=args):
                yield from (str(each.value) for each in args if isinstance(each, ast.Constant) and each.value)
