"""Where keys and values of a YAML text stand, to the character, so that an edit leaves comments and layout alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from imagekit.app.migration.model import Edit
from imagekit.config.yamlfile import Key, parse_yaml


@dataclass(frozen=True, slots=True)
class Place:
    """One scalar: a key of a mapping (whose path ends with it), or the value at a path."""

    key: Key
    is_key: bool
    node: yaml.ScalarNode
    beside: frozenset[str] = frozenset()  # the other keys of the mapping that a key is of

    @property
    def value(self) -> str:
        """The text of the scalar, without its quotes."""
        return str(self.node.value)

    @property
    def plain(self) -> bool:
        """Whether it is written without quotes."""
        return self.node.style is None

    @property
    def line(self) -> int:
        """From 1."""
        return self.node.start_mark.line + 1


def places(text: str, path: Path) -> tuple[Place, ...]:
    """Every scalar of a file, in order; raises `ConfigError` for what imagekit's own reader refuses."""
    parse_yaml(text, path)
    # The reader in Python, not libyaml's: only its marks count characters.
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return tuple(_walk(root, ())) if root is not None else ()


def _walk(node: yaml.Node, key: Key) -> Iterator[Place]:
    if isinstance(node, yaml.ScalarNode):
        yield Place(key, False, node)
    elif isinstance(node, yaml.SequenceNode):
        for index, each in enumerate(node.value):
            yield from _walk(each, (*key, index))
    elif isinstance(node, yaml.MappingNode):
        names = {str(name.value) for name, _ in node.value}
        for name, value in node.value:
            yield Place((*key, name.value), True, name, frozenset(names - {name.value}))
            yield from _walk(value, (*key, name.value))


def rewritten(text: str, place: Place, value: str) -> Edit:
    """The edit that gives a scalar another value and keeps its quotes, where they can hold it."""
    start, end = place.node.start_mark.index, place.node.end_mark.index
    before = text[start:end]
    same_form = place.node.style in (None, "'", '"') and before.count(place.value) == 1
    return Edit(start, end, before.replace(place.value, value) if same_form else json.dumps(value))


def matches(key: Key, pattern: Key) -> bool:
    """Whether a path is one of a pattern, in which ``*`` stands for any name or number."""
    return len(key) == len(pattern) and all(want in ("*", have) for have, want in zip(key, pattern, strict=True))
