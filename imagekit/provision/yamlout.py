"""Kubernetes objects as YAML: the same data, the same bytes; nothing that a YAML 1.1 reader takes for something else.

An own writer, because PyYAML's takes ten times as long for a tree of a thousand files, and because what is quoted must
not depend on the version of a library: a rendered tree is compared byte by byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

Object = dict[str, Any]  # a Kubernetes object, or a part of one
_FIRST = {name: index for index, name in enumerate(("apiVersion", "kind", "metadata", "name", "namespace"))}
# Text without quotes: no figure first, so no number and no date; no word that YAML 1.1 or 1.2 gives a meaning.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9/_.-]*|/[A-Za-z0-9/_.-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_BLOCK = re.compile(r"[\x20-\x7e\n]*")


def documents(objects: Iterable[Object]) -> str:
    """Objects as one file."""
    return "---\n".join(document(each) for each in objects)


def document(data: Object) -> str:
    """One object."""
    lines: list[str] = []
    _mapping(data, 0, lines)
    return "\n".join(lines) + "\n"


def _mapping(data: Mapping[str, Any], depth: int, lines: list[str], lead: str | None = None) -> None:
    """`lead` is what stands before the first key in its line: the dash of a list."""
    pad = "  " * depth
    for key in sorted(data, key=lambda name: (_FIRST.get(name, len(_FIRST)), name)):
        _value(data[key], f"{pad if lead is None else lead}{scalar(key)}:", depth, lines)
        lead = None


def _value(value: Any, head: str, depth: int, lines: list[str]) -> None:
    match value:  # single values first: nearly all are, and whether something is a mapping takes ten times as long
        case str() if "\n" in value and _is_block(value):
            _block(value, head, depth + 1, lines)
        case str() | bool() | int() | None:
            lines.append(f"{head} {scalar(value)}")
        case Mapping() if value:
            lines.append(head)
            _mapping(value, depth + 1, lines)
        case Mapping():
            lines.append(f"{head} {{}}")
        case Sequence() if value:
            lines.append(head)
            _sequence(value, depth, lines)
        case Sequence():
            lines.append(f"{head} []")
        case _:
            raise TypeError(f"{type(value).__name__} in a Kubernetes object")


def _sequence(data: Sequence[Any], depth: int, lines: list[str]) -> None:
    pad = "  " * depth
    for each in data:
        if isinstance(each, Mapping) and each:
            _mapping(each, depth + 1, lines, f"{pad}- ")
        else:
            _value(each, f"{pad}-", depth + 1, lines)


def _is_block(text: str) -> bool:
    """Whether a literal block gives the same text back: printable, no space in front, one line feed at its end."""
    return text[0] not in " \n" and text.endswith("\n") and not text.endswith("\n\n") and bool(_BLOCK.fullmatch(text))


def _block(text: str, head: str, depth: int, lines: list[str]) -> None:
    pad = "  " * depth
    lines.append(f"{head} |")
    lines += [f"{pad}{line}" if line else "" for line in text[:-1].split("\n")]


def scalar(value: str | bool | int | None) -> str:
    """A single value; text is quoted unless every reader takes it for text."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value) if isinstance(value, str) else str(value)


@lru_cache(maxsize=4096)  # a fleet has few keys and values, each of them thousands of times
def _text(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if value.isascii():
        return json.dumps(value)
    # JSON's form of a text is one of YAML's, but for what it writes as two halves of a pair.
    return '"' + "".join(json.dumps(each)[1:-1] if each <= "\uffff" else f"\\U{ord(each):08x}" for each in value) + '"'
