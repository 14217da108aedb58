"""Command lines of imagekit in workflows and makefiles, by earlier names of options and values."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imagekit.app.migration.model import Change, Edit, line_of

# A line that calls imagekit, with the lines that a backslash at its end joins to it.
_COMMAND = re.compile(r"\bimagekit\b(?:[^\n\\]|\\\r?\n|\\.)*")
_OPTION_END = r"(?=[ \t=\r\n]|$)"
_WORDS = (
    (re.compile(rf"(?<=\s)--road{_OPTION_END}"), "--boot"),
    (re.compile(rf"(?<=\s)--again{_OPTION_END}"), "--fresh"),
    (re.compile(r"(?<=--road[ =])fast\b(?!-)|(?<=--boot[ =])fast\b(?!-)"), "direct"),
    (re.compile(r"(?<=\bbench )ladder\b(?!-)"), "lifecycle"),
)


def command_changes(text: str, name: str) -> Iterator[Change]:
    """What command lines in a file say in earlier words."""
    for command in _COMMAND.finditer(text):
        for pattern, today in _WORDS:
            for found in pattern.finditer(text, command.start(), command.end()):
                edit = Edit(found.start(), found.end(), today)
                yield Change(file=name, line=line_of(text, found.start()), old=found[0], new=today, edit=edit)
