"""One thing that has to change in a file, and the edit that changes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters `start` to `end` of a file become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """In `file` at `line`, `old` is `new` today; without an `edit` it is for a person to do, and `new` says what."""

    file: str
    line: int
    old: str
    new: str
    edit: Edit | None = None


def edited(text: str, changes: Iterable[Change]) -> str:
    """The text with all edits made; places of edits are those of the text as it was."""
    for edit in sorted((each.edit for each in changes if each.edit), key=lambda each: each.start, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def line_of(text: str, index: int) -> int:
    """The line of a character, from 1."""
    return text.count("\n", 0, index) + 1
