"""Which function says a line: the messages of checks and scenarios as they stand in their code, read and never run.

A message is what follows the comma of an ``assert``, or what is given to ``raise``, ``pytest.fail`` and ``require``.
What is filled in when it is said, matches anything.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_FAILING = frozenset({"fail", "require"})
_WHOLE = 6  # letters of its own that a message needs which is all of the line
_PART = 12  # and one that begins with what is filled in, or is a part of the line


@dataclass(frozen=True, slots=True)
class Message:
    """A message with its function and line; `parts` are its own words, and between them stands what is filled in."""

    function: str
    line: int
    parts: tuple[str, ...]

    @property
    def letters(self) -> int:
        """How many letters it has of its own."""
        return sum(map(str.isalpha, "".join(self.parts)))

    def says(self, line: str) -> bool:
        """Whether a line is this message, or has it in it."""
        words = r".*".join(r"\s*".join(map(re.escape, re.split(r"\s+", part))) for part in self.parts)
        found = re.compile(words, re.IGNORECASE | re.DOTALL)
        if self.letters >= _PART and found.search(line):
            return True
        return bool(self.letters >= _WHOLE and self.parts[0] and found.fullmatch(line.strip()))


def messages(path: Path) -> tuple[Message, ...]:
    """All messages of a file; none of one that cannot be read, which others name."""
    try:
        tree = ast.parse(path.read_text())
    except (SyntaxError, ValueError, OSError):
        return ()
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return tuple(_told(function.name, node) for function in functions for node in _said_in(function))


def spoken(known: Sequence[tuple[str, Message]], line: str) -> tuple[tuple[str, Message], ...]:
    """Those that say a line, of several the ones with the most letters of their own; each with what it belongs to."""
    found = [each for each in known if each[1].says(line)]
    most = max((message.letters for _, message in found), default=0)
    return tuple(each for each in found if each[1].letters == most)


def _said_in(function: ast.FunctionDef) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        match node:
            case ast.Assert(msg=ast.expr() as message):
                yield message
            case ast.Raise(exc=ast.Call(args=[message, *_])):
                yield message
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=[*_, message]) if name in _FAILING:
                yield message


def _told(function: str, node: ast.expr) -> Message:
    text = "\0".join(_words(node))
    return Message(function, node.lineno, tuple(re.sub(r"\0+", "\0", text).split("\0")))


def _words(node: ast.expr) -> list[str]:
    """Its own words, and nothing between two commas where something is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=values):
            return _joined([_words(each) for each in values])
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _joined([_words(left), _words(right)])
    return ["", ""]


def _joined(several: list[list[str]]) -> list[str]:
    """One after the other: the last of each and the first of the next are one."""
    found = [""]
    for words in several:
        found[-1] += words[0]
        found += words[1:]
    return found
