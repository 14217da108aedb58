"""The names of the checks that a project has, read from its files: nothing is imported, no pytest runs.

An id is ``<layer>/<file>::<function>``, with ``[...]`` after it for each set of parameters, which only a run knows. In
results the boot path stands before it: ``live:<id>``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

from imagekit.base.errors import ConfigError

_SHOWN = 20


class UnknownCheckError(ConfigError):
    """A name or pattern that no check has."""


def known_checks(layers: Iterable[str], checks_root: Path) -> tuple[str, ...]:
    """The ids of the checks of some layers, without parameters; raises `ConfigError` for a file that does not parse."""
    found: list[str] = []
    for layer in dict.fromkeys(layers):
        for path in sorted((checks_root / layer).rglob("test_*.py")):
            where = path.relative_to(checks_root).as_posix()
            found += [f"{where}::{name}" for name in _functions(path)]
    return tuple(found)


def _functions(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", hint="`imagekit test` shows it as pytest does.") from None
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) if name.startswith("test_"):
                yield name
            case ast.ClassDef(name=name, body=body) if name.startswith("Test"):
                inner = (each.name for each in body if isinstance(each, ast.FunctionDef))
                yield from (f"{name}::{each}" for each in inner if each.startswith("test_"))


def without_path(check: str) -> str:
    """An id without the boot path before it."""
    path, colon, rest = check.partition(":")
    return rest if colon and "/" not in path and not rest.startswith(":") else check


def require_known(check: str, known: Sequence[str]) -> str:
    """The id of a check without its boot path; raises `UnknownCheckError` that names the likely one."""
    name = without_path(check)
    if name.partition("[")[0] in known:
        return name
    raise unknown(check, known)


def unknown(check: str, known: Sequence[str]) -> UnknownCheckError:
    """The error for a check that is not there."""
    inside = [each for each in known if each.startswith((f"{without_path(check)}::", f"{without_path(check)}/"))]
    if inside:
        return UnknownCheckError(f"{check!r} names {len(inside)} checks, not one", hint="\n".join(inside[:_SHOWN]))
    ends = [each for each in known if each.rpartition("::")[2] == check.rpartition("::")[2]]
    close = ends or get_close_matches(without_path(check), known, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(close[:3])}?" if close else "`imagekit check list` shows every check."
    return UnknownCheckError(f"there is no check {check!r}", hint=hint)


def matches(pattern: str, known: Iterable[str], paths: Iterable[str]) -> bool:
    """Whether a pattern of a policy can match some check on some boot path (or a scenario, whose name has no path)."""
    # A parameter is matched by what stands before it: only a run knows it.
    plain = pattern.partition("[")[0]
    return any(
        fnmatchcase(name, pattern) or fnmatchcase(name, plain) or fnmatchcase(f"{name}[p]", pattern)
        for each in known
        for name in (each, *(f"{path}:{each}" for path in paths))
    )
