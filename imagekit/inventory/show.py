"""A comparison as text, Markdown or JSON (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from imagekit.inventory.compare import Comparison
from imagekit.inventory.model import FileFact

_COMMITS = 30  # more are counted


def as_text(found: Comparison, heads: Sequence[str], commits: Sequence[str] | None, *, files: bool) -> str:
    """Lines for a terminal: the two images, the changes, the commits, and each path when `files` is asked for."""
    lines = [f"{mark} {head}" for mark, head in zip("-+", heads, strict=True)]
    lines += [change.text for change in found.changes] or [_nothing(found)]
    if commits:
        lines += ["", "commits:", *(f"  {line}" for line in _few(commits))]
    if files and found.files:
        lines += ["", "files:", *(f"  {each.text}" for each in found.files)]
    return "\n".join(lines)


def as_markdown(found: Comparison, heads: Sequence[str], commits: Sequence[str] | None, *, files: bool) -> str:
    """The same for a pull request or the notes of a release."""
    lines = [f"Changes from {_code(heads[0])} to {_code(heads[1])}", ""]
    lines += [f"- {_plain(change.text)}" for change in found.changes] or [_nothing(found)]
    if commits:
        lines += ["", "Commits:", "", *(f"- {_plain(line)}" for line in _few(commits))]
    if files and found.files:
        lines += ["", "Files:", "", *(f"- {_plain(each.text)}" for each in found.files)]
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
    return f"`{text.replace('`', '')}`"


def _plain(text: str) -> str:
    """Text in which nothing is markup."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>#|~" else letter for letter in text)
