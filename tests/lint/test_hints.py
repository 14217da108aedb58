"""Commands that messages name are there, with the options that they name (issue 16, 7)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from imagekit.cli import COMMANDS, cli

ROOT = Path(__file__).parents[2] / "imagekit"
_QUOTED = re.compile(r"`imagekit ([^`]+)`")
_PLAIN = re.compile(r"(?:^|[:\n] *)imagekit ([a-z][a-z-]*(?: [^\n;,`]*)?)")
_OPTION = re.compile(r"(?:^|[\s\[|])(--?[a-z][a-z-]*)")


def texts() -> Iterator[tuple[str, str]]:
    """Every text of the program that is no docstring of a module, with where it stands."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for text in _text_of(node):
                yield f"{path.relative_to(ROOT.parent)}:{getattr(node, 'lineno', 0)}", text


def _text_of(node: ast.AST) -> list[str]:
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=values):
            # What is filled in is a name, whatever it is.
            return ["".join(str(each.value) if isinstance(each, ast.Constant) else "NAME" for each in values)]
        case _:
            return []


def named() -> list[tuple[str, str]]:
    found = []
    for where, text in texts():
        # Without quotes it may be a sentence: "imagekit keeps ..."; there only what begins with a command is one.
        plain = [line for line in _PLAIN.findall(text) if line.split()[0] in COMMANDS]
        found += [(where, line) for line in (*_QUOTED.findall(text), *plain)]
    return found


def problem(line: str) -> str:
    """Why no such command line can be given; empty when it can."""
    context = click.Context(cli, info_name="imagekit")
    words = [word for word in line.split(" -- ")[0].split() if not word.startswith("-")]
    group: click.Command = cli
    path = ["imagekit"]
    for word in words:
        if not isinstance(group, click.Group):
            break
        found = group.get_command(context, word)
        if found is None:
            default = getattr(group, "commands", {}).get("run") if path[1:] == ["check"] else None
            if default is None and not ("|" in word or word.isupper()):
                return f"{' '.join(path)} has no command {word!r}"
            group = default or group
            break
        group, path = found, [*path, word]
    known = {name for each in _with_default(group) for parameter in each.params for name in parameter.opts}
    known |= {name for each in _with_default(group) for parameter in each.params for name in parameter.secondary_opts}
    asked = _OPTION.findall(line.split(" -- ")[0])
    return next(
        (f"{' '.join(path)} has no option {each}" for each in asked if each not in known | {"-h", "--help"}), ""
    )


def _with_default(group: click.Command) -> list[click.Command]:
    inner = list(group.commands.values()) if isinstance(group, click.Group) and group is not cli else []
    return [group, *inner]


def test_every_command_that_a_message_names_is_there() -> None:
    found = named()
    assert len(found) > 60
    bad = [(where, line, why) for where, line in found if (why := problem(line))]
    assert bad == []


@pytest.mark.parametrize(
    "line", ["runn IMAGE", "test IMAGE --rod live", "keys make x", "check IMAGE --no-such", "clean --all"]
)
def test_a_wrong_one_is_told(line: str) -> None:
    assert problem(line)


@pytest.mark.parametrize(
    "line", ["run IMAGE", "check IMAGE -k EXPR", "check list", "services up", "shell IMAGE -- systemctl --failed"]
)
def test_a_right_one_is_taken(line: str) -> None:
    assert problem(line) == ""
    assert COMMANDS
