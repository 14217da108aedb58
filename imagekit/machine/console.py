"""The serial log of a machine: read as it grows, cleaned, and compared with a table of what lines mean."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from imagekit.base.errors import ConfigError
from imagekit.base.text import stripped

_LONGEST_LINE = 2000
_LARGEST_LOG = 64 << 20
_MOST_MATCHES = 500
_KEYS = {"id", "regex", "severity", "meaning", "hint", "match", "no_match"}


class Severity(StrEnum):
    """Whether a line ends the boot or is only reported."""

    FATAL = "fatal"
    WARN = "warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One kind of line; `match` and `no_match` are samples that tests hold the expression to."""

    id: str
    regex: re.Pattern[str]
    severity: Severity
    meaning: str
    hint: str
    match: str
    no_match: str


@dataclass(frozen=True, slots=True)
class ConsoleMatch:
    """A line of the log that a pattern knows; lines count from 1."""

    pattern: Pattern
    line: int
    text: str


def load_patterns(path: Path) -> tuple[Pattern, ...]:
    """Read the pattern table; raises `ConfigError` naming the entry that is wrong."""
    import yaml

    try:
        document = yaml.safe_load(path.read_text())
        entries = list(document["patterns"])
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigError(f"cannot read the console patterns in {path}: {error}") from None
    return tuple(_pattern(path, number, entry) for number, entry in enumerate(entries, start=1))


def clean(text: str) -> str:
    """The text without escape codes and control characters, at most 2000 characters."""
    return stripped(text)[:_LONGEST_LINE].rstrip()


class Console:
    """Follows one log file; `poll` reads what came since, and keeps the matched lines and the last ones."""

    def __init__(self, log: Path, patterns: tuple[Pattern, ...]) -> None:
        self.log = log
        self.matches: list[ConsoleMatch] = []
        self._patterns = patterns
        self._at = 0
        self._rest = b""
        self._lines = 0
        self._last: deque[str] = deque(maxlen=40)

    @property
    def flooded(self) -> bool:
        """Whether the machine wrote more than any boot does (64 MiB)."""
        return self._at >= _LARGEST_LOG

    def poll(self) -> list[ConsoleMatch]:
        """New matches since the last call, the fatal ones first."""
        fresh: list[ConsoleMatch] = []
        for line in self._new_lines():
            self._lines += 1
            if not line:
                continue
            self._last.append(line)
            found = next((pattern for pattern in self._patterns if pattern.regex.search(line)), None)
            if found is not None:
                fresh.append(ConsoleMatch(found, self._lines, line))
        self.matches += fresh[: max(0, _MOST_MATCHES - len(self.matches))]
        return sorted(fresh, key=lambda match: match.pattern.severity is not Severity.FATAL)

    @property
    def size(self) -> int:
        """How many bytes there are so far."""
        return self.log.stat().st_size

    def text_since(self, mark: int) -> str:
        """What came after so many bytes, cleaned line by line."""
        with self.log.open("rb") as stream:
            stream.seek(mark)
            text = stream.read(_LARGEST_LOG).decode("utf-8", "replace")
        return "\n".join(clean(line) for line in text.split("\n"))

    def tail(self, count: int = 15) -> str:
        """The last lines for an error message, an unfinished one included."""
        lines = [*self._last, clean(self._rest.decode("utf-8", "replace"))]
        return "\n".join([line[:200] for line in lines if line][-count:])

    def _new_lines(self) -> list[str]:
        try:
            with self.log.open("rb") as stream:
                stream.seek(self._at)
                data = stream.read(max(0, _LARGEST_LOG - self._at))
        except FileNotFoundError:
            return []
        self._at += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > 1 << 16:  # a line without end is cut, not kept
            whole, self._rest = [*whole, self._rest], b""
        return [clean(line.decode("utf-8", "replace")) for line in whole]


def _pattern(path: Path, number: int, entry: Any) -> Pattern:
    if not isinstance(entry, dict) or set(entry) != _KEYS:
        raise ConfigError(f"{path}: pattern {number} must have exactly the keys {', '.join(sorted(_KEYS))}")
    try:
        return Pattern(**{**entry, "regex": re.compile(entry["regex"]), "severity": Severity(entry["severity"])})
    except (re.error, ValueError, TypeError) as error:
        raise ConfigError(f"{path}: pattern {entry['id']}: {error}") from None
