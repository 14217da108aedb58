"""What a check says: a rule that was broken, by which object, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagekit.provision.check.objects import Manifest, Tree

Key = tuple[str | int, ...]


class Level(StrEnum):
    """How much a finding counts: an error decides the exit code, a warning is shown."""

    ERROR = "error"
    WARNING = "warning"


class Seen(StrEnum):
    """The cheapest check that sees it."""

    READ = "reading"
    SCHEMA = "schema"
    LINT = "lint"
    SERVER = "API server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that may be wrong. `why` is the fact behind it, `fix` what to do; both are whole sentences."""

    id: str
    level: Level
    seen: Seen
    why: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule broken at one place. `line` is 1-based; `key` is the path in the object, as people write it."""

    rule: Rule
    file: str
    line: int
    object: str
    key: str
    message: str

    def order(self) -> tuple[str, int, str, str]:
        """What findings are sorted by."""
        return self.file, self.line, self.rule.id, self.message


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule's function yields: an object, where in it, and what is wrong."""

    manifest: Manifest
    key: Key
    message: str


Lint = Callable[["Tree"], Iterator[Hit]]
RULES: dict[str, Rule] = {}
LINTS: list[tuple[Rule, Lint]] = []


def declare(id: str, seen: Seen, why: str, fix: str, *, level: Level = Level.ERROR) -> Rule:
    """Make a rule known; each id once."""
    if id in RULES:
        raise AssertionError(f"two rules are named {id}")
    RULES[id] = Rule(id=id, level=level, seen=seen, why=why, fix=fix)
    return RULES[id]


def lint(id: str, why: str, fix: str, *, level: Level = Level.ERROR) -> Callable[[Lint], Lint]:
    """Make a function the check of a rule of its own."""

    def known(function: Lint) -> Lint:
        LINTS.append((declare(id, Seen.LINT, why, fix, level=level), function))
        return function

    return known


def found(rule: Rule, manifest: Manifest, key: Key, message: str) -> Finding:
    """The finding of a rule at a place of an object."""
    return Finding(
        rule=rule,
        file=manifest.file,
        line=manifest.line_of(key),
        object=manifest.name,
        key=dotted(key),
        message=message,
    )


def dotted(key: Key) -> str:
    """A path as people write it: ``spec.networks[0].name``."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def key_of(text: str) -> Key:
    """The path that `dotted`, or an API server, wrote; names with dots in them come out as several parts."""
    key: list[str | int] = []
    for part in filter(None, text.split(".")):
        name, *numbers = part.split("[")
        key += [*([name] if name else []), *(int(number[:-1]) for number in numbers if number[:-1].isdecimal())]
    return tuple(key)
