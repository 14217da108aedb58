"""Which nodes said last that they run a digest: what `releases` shows beside who is meant to run it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from imagekit.app.observing import machines, signed_head
from imagekit.observe.model import Observation
from imagekit.observe.store import Observations
from imagekit.release.channel.table import Row


@dataclass(frozen=True, slots=True)
class SeenOn:
    """`by_digest`: the nodes of each row, with the time (Unix); `elsewhere`: those that run what no row is about."""

    by_digest: Mapping[str, Mapping[str, int]]
    elsewhere: Mapping[str, str]


def seen_on(store: Observations, rows: Iterable[Row]) -> SeenOn:
    """The last words of every node, by the digest that it named, or by its version, of which every build has its own.

    Raises `ObservationError` for a file of observations that was altered: nothing of it counts then.
    """
    if not store.exists:
        return SeenOn({}, {})
    store.verify(signed_head(store))
    given = list(rows)
    versions = {row.version: str(row.digest) for row in given}
    digests = {str(row.digest) for row in given}
    found: dict[str, dict[str, int]] = {}
    elsewhere: dict[str, str] = {}
    for node, said in sorted(machines(store.every()).items()):
        digest = said.digest or versions.get(said.version, "")
        if digest in digests:
            found.setdefault(digest, {})[node] = said.at
        elif said.digest or said.version:
            elsewhere[node] = _named(said)
    return SeenOn(found, elsewhere)


def _named(said: Observation) -> str:
    return " ".join(filter(None, (said.version, said.digest)))
