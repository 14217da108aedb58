"""From observations to stretches of time: within one boot a node cannot change its image (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from imagekit.audit.model import Seen
from imagekit.observe.model import Observation


def spans(observations: Sequence[Observation]) -> list[Seen]:
    """What one node was seen running, and from when to when.

    Two observations of one boot that say the same cover what lies between them; where the node says when it booted,
    also what lies before the first, back to the last time that another boot was seen. An observation lasts a second.
    """
    found: list[Seen] = []
    boots: list[tuple[str, str, str]] = []
    for each in observations:
        said = (each.boot, each.digest, each.version)
        last = found[-1] if found else None
        if last is not None and each.boot and boots[-1] == said:
            found[-1] = _longer(last, each)
            continue
        begin = min(each.booted, each.at) if each.booted else each.at
        begin = max(begin, last.end) if last is not None else begin
        found.append(
            Seen(
                node=each.node,
                begin=min(begin, each.at),
                end=each.at + 1,
                digest=each.digest,
                version=each.version,
                source=each.source.value,
                first=each.at,
                last=each.at,
            )
        )
        boots.append(said)
    return found


def _longer(span: Seen, more: Observation) -> Seen:
    return replace(span, end=max(span.end, more.at + 1), count=span.count + 1, last=more.at)


def reinstalled(observations: Iterable[Observation]) -> list[tuple[Observation, Observation]]:
    """Neighbours in time of one node that are two installations (or two machines) by their machine id."""
    found, before = [], None
    for each in observations:
        if before is not None and each.machine and before.machine and each.machine != before.machine:
            found.append((before, each))
        before = each if each.machine else before
    return found
