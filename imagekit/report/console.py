"""The part of a serial console that goes into a result: matched lines with a little around them, and the end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from imagekit.base.text import one_line
from imagekit.report.result import ConsoleExcerpt, ConsoleLine

_AROUND = 2
_LAST = 40
_MATCHES = 60
_WIDTH = 300
_MAX_BYTES = 32 << 20


def excerpt(console: Path, matches: Mapping[int, str]) -> ConsoleExcerpt:
    """What to keep of a console log; `matches` maps a line number (from 1) to the name of the pattern that found it."""
    lines = _lines(console)
    known = dict(sorted(matches.items())[:_MATCHES])
    wanted = {n for number in known for n in range(number - _AROUND, number + _AROUND + 1)}
    wanted |= set(range(len(lines) - _LAST + 1, len(lines) + 1))
    kept = (
        ConsoleLine(number=n, text=_clean(lines[n - 1]), matched=known.get(n, ""))
        for n in sorted(wanted)
        if 1 <= n <= len(lines)
    )
    return ConsoleExcerpt(lines=tuple(kept), total=len(lines))


def _lines(console: Path) -> list[bytes]:
    if not console.exists():
        return []
    with console.open("rb") as stream:
        return stream.read(_MAX_BYTES).removesuffix(b"\n").split(b"\n") if console.stat().st_size else []


def _clean(raw: bytes) -> str:
    return one_line(raw.decode("utf-8", "replace"), _WIDTH)
