"""Marks of checks that have another name today: `pytest.mark.road("fast")` is `pytest.mark.boot_path("direct")`."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

from imagekit.app.migration.model import Change, Edit
from imagekit.base.earlier import boot_path_today
from imagekit.base.errors import ConfigError

_OLD, _NEW = "road", "boot_path"


def check_changes(text: str, path: Path, name: str) -> Iterator[Change]:
    """What a check file says in earlier words; raises `ConfigError` for one that is no Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise ConfigError(f"{path}:{line}: not valid Python: {error}", hint="`imagekit check list` loads it.") from None
    starts = _line_starts(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == _OLD and _is_mark(node.value):
            end = _index(text, starts, node.end_lineno or node.lineno, node.end_col_offset or 0)
            edit = Edit(end - len(_OLD), end, _NEW)
            yield Change(
                file=name, line=node.end_lineno or node.lineno, old=f"mark.{_OLD}", new=f"mark.{_NEW}", edit=edit
            )
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_mark(node.func.value):
            yield from _names(node, text, starts, name)


def _is_mark(node: ast.expr) -> bool:
    """``pytest.mark`` or, imported by that name, ``mark``."""
    return (isinstance(node, ast.Attribute) and node.attr == "mark") or (
        isinstance(node, ast.Name) and node.id == "mark"
    )


def _names(call: ast.Call, text: str, starts: list[int], name: str) -> Iterator[Change]:
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr not in (_OLD, _NEW):
        return
    for argument in call.args:
        if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
            continue
        today = str(boot_path_today(argument.value))
        if today != argument.value:
            begin = _index(text, starts, argument.lineno, argument.col_offset)
            end = _index(text, starts, argument.end_lineno or argument.lineno, argument.end_col_offset or 0)
            written = text[begin:end]
            new = written.replace(argument.value, today) if argument.value in written else json.dumps(today)
            edit = Edit(begin, end, new)
            yield Change(file=name, line=argument.lineno, old=argument.value, new=today, edit=edit)


def _line_starts(text: str) -> list[int]:
    """Where each line begins, as Python's parser counts lines (a form feed is no end of one)."""
    return [0, *(each.end() for each in re.finditer(r"\r\n|\r|\n", text))]


def _index(text: str, starts: list[int], line: int, column: int) -> int:
    """The character at a column that counts bytes of UTF-8, as `ast` does."""
    rest = text[starts[line - 1] :]
    return starts[line - 1] + len(rest.encode()[:column].decode(errors="ignore"))
