"""A comparison as text, Markdown or JSON (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from imagekit.base.text import one_line
from imagekit.inventory.compare import Comparison
from imagekit.inventory.model import FileFact
from imagekit.report.markdown import escaped

_COMMITS = 30  # more are counted
_LONGEST = 9000  # characters: two paths of 4095 bytes fit; a name with a line break in it makes no line of its own


def as_text(found: Comparison, heads: Sequence[str], commits: Sequence[str] | None, *, files: bool) -> str:
    """Lines for a terminal: the two images, the changes, the commits, and each path when `files` is asked for."""
    lines = [f"{mark} {one_line(head, _LONGEST)}" for mark, head in zip("-+", heads, strict=True)]
    lines += [one_line(change.text, _LONGEST) for change in found.changes] or [_nothing(found)]
    if commits:
        lines += ["", "commits:", *(f"  {one_line(line, _LONGEST)}" for line in _few(commits))]
    if files and found.files:
        lines += ["", "files:", *(f"  {one_line(each.text, _LONGEST)}" for each in found.files)]
    return "\n".join(lines)


def as_markdown(found: Comparison, heads: Sequence[str], commits: Sequence[str] | None, *, files: bool) -> str:
    """The same for a pull request or the notes of a release."""
    lines = [f"Changes from {_code(heads[0])} to {_code(heads[1])}", ""]
    lines += [f"- {escaped(change.text, _LONGEST)}" for change in found.changes] or [_nothing(found)]
    if commits:
        lines += ["", "Commits:", "", *(f"- {escaped(line, _LONGEST)}" for line in _few(commits))]
    if files and found.files:
        lines += ["", "Files:", "", *(f"- {escaped(each.text, _LONGEST)}" for each in found.files)]
    return "\n".join(lines)


def as_data(found: Comparison, commits: Sequence[str] | None, *, files: bool) -> dict[str, Any]:
    """The same as plain data; `commits` is null where git does not know both revisions."""
    data: dict[str, Any] = {
        "equal": found.equal,
        "changes": [asdict(change) for change in found.changes],
        "commits": None if commits is None else list(commits),
    }
    if files:
        data["files"] = [
            {"path": each.path, "change": each.word, "before": _fact(each.before), "after": _fact(each.after)}
            for each in found.files
        ]
    return data


def _nothing(found: Comparison) -> str:
    return "nothing differs" if found.equal else "nothing differs but files that each build writes anew (see --files)"


def _few(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - _COMMITS
    return [*lines[:_COMMITS], *([f"and {rest} more"] if rest > 0 else [])]


def _fact(fact: FileFact | None) -> dict[str, Any] | None:
    return fact._asdict() if fact else None


def _code(text: str) -> str:
    return f"`{one_line(text).replace('`', '')}`"
