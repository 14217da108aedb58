"""Read YAML from people safely: no tags, no aliases, no duplicate keys, bounded size and depth, lines remembered.

Scalars follow the YAML 1.2 core schema, narrowed: ``true``/``false``, ``null`` and decimal integers are typed,
everything else stays the text that was written (``no``, ``1.10`` and ``0644`` are text).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from imagekit.base.errors import ConfigError
from imagekit.config.goyaml import Text

MAX_BYTES = 1_000_000  # Kairos ignores larger cloud-configs, and nothing here is near it
MAX_DEPTH = 24
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONFLICT = re.compile(r"(?m)^<{7} .*$")  # gitattributes(5), conflict-marker-size

Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A parsed file: `data` and, for each key path, the 1-based line where it stands."""

    path: Path
    data: Any
    lines: dict[Key, int]

    def line(self, key: Key) -> int:
        """The line of a key, or of the nearest parent that has one."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)


def read_yaml(path: Path) -> YamlFile:
    """Parse one file; raise `ConfigError` with file and line when it cannot be trusted or read."""
    return parse_yaml(file_text(path), path)


def parse_yaml(text: str, path: Path, *, as_written: bool = False) -> YamlFile:
    """Parse text that came from `path`; raise `ConfigError` with file and line.

    `as_written` keeps every key and scalar as a `Text`, for files that another reader gives their meaning.
    """
    builder = _Builder(path, as_written)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        if conflict := _CONFLICT.search(text):
            line = text.count("\n", 0, conflict.start()) + 1
            raise _problem(path, line, f"the marks of a merge that was not finished ({conflict[0]})") from None
        hint = "YAML is indented by spaces alone." if "tab character" in (error.problem or "") else ""
        raise _problem(path, line, f"not valid YAML: {error.problem}", hint) from None
    except yaml.reader.ReaderError as error:
        at = text.find(chr(error.character) if isinstance(error.character, int) else error.character)
        what = f"character #x{error.character:04x}" if isinstance(error.character, int) else f"{error.character!a}"
        raise _problem(
            path,
            text.count("\n", 0, max(at, 0)) + 1,
            f"not valid YAML: {what} cannot stand in a YAML file as it is",
            'Write it in double quotes by its code, as in "\\x1b"; long or binary content in base64.',
        ) from None
    except yaml.YAMLError as error:
        raise _problem(path, 1, f"not valid YAML: {error}") from None
    return YamlFile(path, builder.result, builder.lines)


def file_text(path: Path) -> str:
    """What a file says; raise `ConfigError` when it is missing, too large or not UTF-8."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_BYTES} bytes", hint="Split the file.")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file", hint="Run imagekit in the project's folder, or pass --project."
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})", hint="Save the file as UTF-8.") from None


def _problem(path: Path, line: int, what: str, hint: str = "") -> ConfigError:
    return ConfigError(f"{path}:{line}: {what}", hint=hint)


@dataclass(slots=True)
class _Open:
    """A mapping or sequence that is being read."""

    value: Any
    key: Key
    pending: str | None = None  # the key whose value comes next, in a mapping


@dataclass(slots=True)
class _Builder:
    path: Path
    as_written: bool
    result: Any = None
    lines: dict[Key, int] = field(default_factory=dict)
    stack: list[_Open] = field(default_factory=list)
    documents: int = 0

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        self._require_safe(event, line)
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise _problem(self.path, line, "a second document in one file", "Keep one document a file.")
            case yaml.ScalarEvent():
                self._scalar(event, line)
            case yaml.MappingStartEvent():
                self._open({}, line)
            case yaml.SequenceStartEvent():
                self._open([], line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self.stack.pop()
            case _:
                return

    def _require_safe(self, event: yaml.Event, line: int) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _problem(self.path, line, "anchors and aliases are not allowed", "Write the value out.")
        if tag := getattr(event, "tag", None):
            raise _problem(self.path, line, f"the tag {tag!r} is not allowed", "Write plain values.")

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.value, dict) and top.pending is None:
            if event.value in top.value:
                raise _problem(self.path, line, f"duplicate key {event.value!r}", "Keep one of the two.")
            top.pending = _written(event) if self.as_written else event.value
            self.lines[(*top.key, event.value)] = line
            return
        self._place(_written(event) if self.as_written else _typed(event), line)

    def _open(self, value: Any, line: int) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise _problem(self.path, line, f"nested deeper than {MAX_DEPTH} levels", "Flatten the file.")
        self.stack.append(_Open(value, self._place(value, line)))

    def _place(self, value: Any, line: int) -> Key:
        if not self.stack:
            self.result = value
            return ()
        top = self.stack[-1]
        if isinstance(top.value, list):
            key: Key = (*top.key, len(top.value))
            self.lines[key] = line
            top.value.append(value)
            return key
        if top.pending is None:
            raise _problem(self.path, line, "a key must be a plain word", "Write `key: value`.")
        key = (*top.key, top.pending)
        top.value[top.pending] = value
        top.pending = None
        return key


def _typed(event: yaml.ScalarEvent) -> str | int | bool | None:
    return typed(_written(event))


def typed(text: Text) -> str | int | bool | None:
    """The value of a scalar that was read `as_written`; see the rules above."""
    if not text.plain:  # quoted, or a block of text
        return str(text)
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _INTEGER.fullmatch(text) else str(text)


def _written(event: yaml.ScalarEvent) -> Text:
    return Text(event.value, event.style or "")


def texts(data: Any, key: Key = ()) -> Iterator[tuple[Key, str]]:
    """Every text of a document, with the place where it stands."""
    if isinstance(data, str):
        yield key, data
    elif isinstance(data, dict):
        for name, value in data.items():
            yield from texts(value, (*key, name))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from texts(value, (*key, index))
