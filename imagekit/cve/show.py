"""A scan as text, Markdown and data (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from imagekit.cve.model import Scan, State, Vulnerability

_COUNTED = (State.FIXABLE, State.UNFIXED, State.UNDETERMINED)


def head(scan: Scan, now: datetime) -> tuple[str, ...]:
    """What was looked at, by which data, how old, and the numbers."""
    days = (now - scan.as_of).total_seconds() / 86400
    counts = ", ".join(f"{len(scan.of(state))} {state.value}" for state in State)
    lines = [f"{scan.packages} packages of {scan.distro}: {counts}"]
    if scan.baseline:
        new = sum(1 for each in scan.found if each.new and each.state.counts)
        lines.append(f"{new} new since {scan.baseline}")
    lines += [f"data {days:.1f} days old: {each}" for each in scan.sources]
    if scan.uncovered:
        some = ", ".join(scan.uncovered[:5]) + (" ..." if len(scan.uncovered) > 5 else "")
        lines.append(f"no source speaks of {len(scan.uncovered)} packages: {some}")
    for layer, count in sorted(scan.layers.items()):
        lines.append(f"layer {layer or 'unknown'}: {count}")
    return tuple(lines)


def as_text(scan: Scan, now: datetime, *, everything: bool = False) -> str:
    """One line a vulnerability; those that do not count only when `everything` is asked for."""
    return "\n".join([*head(scan, now), *(_line(each) for each in _shown(scan, everything))])


def as_markdown(scan: Scan, now: datetime, *, everything: bool = False) -> str:
    """A table."""
    rows = [
        f"| {each.cve} | {each.name} {each.version} | {each.layer or '-'} | {each.state.value} | {each.fixed or '-'} "
        f"| {'new' if each.new else ''} |"
        for each in _shown(scan, everything)
    ]
    table = ["| CVE | package | layer | state | fixed in | |", "|---|---|---|---|---|---|", *rows] if rows else []
    return "\n".join([*(f"- {line}" for line in head(scan, now)), *(["", *table] if table else [])])


def as_data(scan: Scan) -> dict[str, Any]:
    """Everything, for JSON."""
    return asdict(scan) | {"layers": dict(scan.layers), "as_of": scan.as_of.isoformat()}


def _shown(scan: Scan, everything: bool) -> Iterator[Vulnerability]:
    for state in State if everything else _COUNTED:
        yield from scan.of(state)


def _line(each: Vulnerability) -> str:
    what = f"fixed in {each.fixed}" if each.state is State.FIXABLE else each.state.value
    more = ", ".join(filter(None, (each.urgency, f"layer {each.layer}" if each.layer else "", each.reason)))
    return f"{'NEW ' if each.new else ''}{each.cve} {each.name} {each.version}: {what}{f' ({more})' if more else ''}"
