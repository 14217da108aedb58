"""Where a layer declares the thing that failed: file and line, when the failure names a thing that stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from imagekit.report.card import Fault, card_of
from imagekit.report.result import RunResult

# What `imagekit.artifact.presence` calls the kinds of things that are declared, and a check's parameter in its title.
_THING = re.compile(
    r"\b(?:package|file|unit|mask of unit|kernel module|kernel argument|state|certificate) (\S+)$|\[([^\[\]]+)\]$"
)


def declared_at(root: Path, result: RunResult) -> str:
    """``images/LAYER/layer.yaml:LINE`` of what the first fault is about; empty when it is not known for sure."""
    card = card_of(result)
    if card is None or not card.first.layer:
        return ""
    name = f"images/{card.first.layer}/layer.yaml"
    try:
        lines = (root / name).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    for thing in _things(card.first):
        whole = re.compile(rf"(?<![\w.@+-]){re.escape(thing)}(?![\w@+-]|\.\w)")
        found = [number for number, line in enumerate(lines, start=1) if whole.search(line.partition("#")[0])]
        if len(found) == 1:
            return f"{name}:{found[0]}"
    return ""


def _things(fault: Fault) -> Iterator[str]:
    if fault.unit:
        yield fault.unit
        yield fault.unit.rpartition(".")[0]
    for text in (fault.what, fault.said):
        for found in _THING.finditer(text):
            yield found[1] or found[2]
