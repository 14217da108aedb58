"""What the runbook knows of the lines of a log: patterns beside its pages, and those of the serial console."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.base.text import one_line
from imagekit.config.engine import HARNESS, located
from imagekit.config.load import parse_file
from imagekit.config.model import Frozen
from imagekit.machine.console import load_patterns

PAGES = "docs/runbook"
PATTERNS = f"{PAGES}/patterns.yaml"
NAMED = re.compile(rf"{PAGES}/([\w-]+)\.md|\(runbook ([\w-]+)")
"""How reports and messages of checks name a page."""
_MOST_BYTES = 64 << 20
_LONGEST = 2000  # characters of a line that are looked at


class LinePattern(Frozen):
    """One kind of line, the page about it, and a sample that it matches."""

    page: str
    regex: str
    meaning: str
    match: str


class PatternFile(Frozen):
    """docs/runbook/patterns.yaml"""

    patterns: tuple[LinePattern, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A kind of line that a log has: page, meaning, the first such line with its number, and how many there are."""

    page: str
    meaning: str
    line: int
    text: str
    count: int


def read_log(root: Path, path: Path) -> tuple[Known, ...]:
    """Every kind of line of a file that the runbook knows, in the order of their first lines.

    Raises `ConfigError` for a file that cannot be read or is larger than 64 MiB.
    """
    found: dict[tuple[str, str], Known] = {}
    kinds = tuple(_kinds(root))
    for number, line in enumerate(_lines(path), 1):
        for regex, page, meaning in (*_named_in(root, line), *kinds):
            if regex.search(line):
                before = found.get((page, meaning))
                first = before or Known(page=page, meaning=meaning, line=number, text=one_line(line, 200), count=0)
                found[page, meaning] = Known(
                    page=page, meaning=meaning, line=first.line, text=first.text, count=first.count + 1
                )
                break
    return tuple(found.values())


def _named_in(root: Path, line: str) -> Iterator[tuple[re.Pattern[str], str, str]]:
    """The page that the line of a failure card names."""
    named = NAMED.search(line)
    if named is not None and (located(root, PAGES) / f"{named[1] or named[2]}.md").is_file():
        yield NAMED, named[1] or named[2], "named by a report"


def known_line(root: Path, line: str) -> tuple[str, str] | None:
    """Page and meaning of one line of a log; None when the runbook does not know it."""
    for regex, page, meaning in _own(root):
        if regex.search(line[:_LONGEST]):
            return page, meaning
    return None


def _kinds(root: Path) -> Iterator[tuple[re.Pattern[str], str, str]]:
    yield from _own(root)
    file = located(root, HARNESS) / "console-patterns.yaml"
    for each in load_patterns(file) if file.is_file() else ():
        yield each.regex, "boot", f"{each.meaning} (console, {each.id})"


def _own(root: Path) -> Iterator[tuple[re.Pattern[str], str, str]]:
    file = located(root, PAGES) / "patterns.yaml"
    if file.is_file():
        for each in parse_file(PatternFile, file).patterns:
            try:
                yield re.compile(each.regex, re.IGNORECASE), each.page, each.meaning
            except re.error as error:
                raise ConfigError(f"{file}: {each.regex!r} is no regular expression: {error}") from None


def _lines(path: Path) -> Iterator[str]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path} is larger than 64 MiB", hint="Give the part of it that is about the fault.")
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    yield from (line[:_LONGEST] for line in text.splitlines())
