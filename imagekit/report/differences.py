"""A comparison as text, Markdown or JSON (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from typing import Any

from imagekit.base.text import one_line
from imagekit.inventory.compare import Comparison
from imagekit.inventory.layerdiff import LayerChange
from imagekit.inventory.model import FileFact
from imagekit.report.markdown import escaped

_COMMITS = 30  # more are counted
_LONGEST = 9000  # characters: two paths of 4095 bytes fit; a name with a line break in it makes no line of its own


def as_text(
    found: Comparison,
    heads: Sequence[str],
    commits: Sequence[str] | None,
    *,
    files: bool,
    layers: Sequence[LayerChange] = (),
) -> str:
    """Lines for a terminal: the two images, the changes, the commits, and each path when `files` is asked for."""
    lines = [f"{mark} {one_line(head, _LONGEST)}" for mark, head in zip("-+", heads, strict=True)]
    lines += [one_line(change.text, _LONGEST) for change in found.changes] or [_nothing(found)]
    if commits:
        lines += ["", "commits:", *(f"  {one_line(line, _LONGEST)}" for line in _few(commits))]
    if files and found.files:
        lines += ["", "files:", *(f"  {one_line(each.text, _LONGEST)}" for each in found.files)]
    for layer in layers:
        lines += ["", f"{_layer(layer)}:", *(f"  {one_line(line, _LONGEST)}" for line in _members(layer))]
    return "\n".join(lines)


def as_markdown(
    found: Comparison,
    heads: Sequence[str],
    commits: Sequence[str] | None,
    *,
    files: bool,
    layers: Sequence[LayerChange] = (),
) -> str:
    """The same for a pull request or the notes of a release."""
    lines = [f"Changes from {_code(heads[0])} to {_code(heads[1])}", ""]
    lines += [f"- {escaped(change.text, _LONGEST)}" for change in found.changes] or [_nothing(found)]
    if commits:
        lines += ["", "Commits:", "", *(f"- {escaped(line, _LONGEST)}" for line in _few(commits))]
    if files and found.files:
        lines += ["", "Files:", "", *(f"- {escaped(each.text, _LONGEST)}" for each in found.files)]
    for layer in layers:
        lines += ["", f"{_capital(_layer(layer))}:", "", *(f"- {escaped(line, _LONGEST)}" for line in _members(layer))]
    return "\n".join(lines)


def as_html(
    found: Comparison,
    heads: Sequence[str],
    commits: Sequence[str] | None,
    *,
    files: bool,
    layers: Sequence[LayerChange] = (),
) -> str:
    """The same as one page that needs nothing beside it; changes stand under what they are about."""
    parts = [f"<h1>Changes from <code>{_html(heads[0])}</code> to <code>{_html(heads[1])}</code></h1>"]
    kinds = dict.fromkeys(change.kind for change in found.changes)
    for kind in kinds:
        texts = [change.text for change in found.changes if change.kind is kind]
        parts.append(_section(kind.value, texts))
    if not kinds:
        parts.append(f"<p>{_html(_nothing(found))}</p>")
    if commits:
        parts.append(_section("commits", _few(commits)))
    if files and found.files:
        parts.append(_section("files", [each.text for each in found.files]))
    parts += [_section(_layer(layer), _members(layer)) for layer in layers]
    style = "body{font:15px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}h1{font-size:1.2rem}"
    style += "h2{font-size:1rem;margin-bottom:0}code,li{overflow-wrap:anywhere}"
    style += "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>What differs</title>'
        f"<style>{style}</style></head><body>{''.join(parts)}</body></html>"
    )


def as_data(
    found: Comparison, commits: Sequence[str] | None, *, files: bool, layers: Sequence[LayerChange] = ()
) -> dict[str, Any]:
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
        data["layers"] = [asdict(layer) for layer in layers]
    return data


def _layer(layer: LayerChange) -> str:
    if layer.layer == "configuration":
        return "the image's configuration differs"
    return f"layer {layer.layer} differs, {layer.before[:19] or 'none'} to {layer.after[:19] or 'none'}"


def _members(layer: LayerChange) -> list[str]:
    lines = [layer.note] if layer.note else []
    for each in layer.members:
        head = "" if layer.layer == "configuration" else f"/{each.path}: "
        lines += [head + "; ".join(each.texts), *(f"  {line}" for line in each.explained)]
    return lines


def _section(title: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{_html(line)}</li>" for line in lines)
    return f"<h2>{_html(_capital(title))}</h2><ul>{items}</ul>"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _html(text: str) -> str:
    return escape(one_line(text, _LONGEST))


def _nothing(found: Comparison) -> str:
    return "nothing differs" if found.equal else "nothing differs but files that each build writes anew (see --files)"


def _few(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - _COMMITS
    return [*lines[:_COMMITS], *([f"and {rest} more"] if rest > 0 else [])]


def _fact(fact: FileFact | None) -> dict[str, Any] | None:
    return fact._asdict() if fact else None


def _code(text: str) -> str:
    return f"`{one_line(text).replace('`', '')}`"
