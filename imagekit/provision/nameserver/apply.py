"""Compare what a name server says with what it has to say, change it, and look again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import dns.rdataset

from imagekit.base.log import step
from imagekit.provision.nameserver.desired import Key, Zone
from imagekit.provision.nameserver.key import UpdateKey
from imagekit.provision.nameserver.server import Change, NameServer, UpdateRefusedError

_AT_ONCE = 8
_A_MESSAGE = 200  # sets of records in one update: well below the 64 KiB of a message over TCP


def differences(server: NameServer, zone: Zone, before: Zone | None = None) -> list[Change]:
    """What has to change in a zone. Raises `UpdateRefusedError` where the server is not its authority.

    `before` is the zone as it was rendered last: what is in it and no more in `zone` is removed, where the server still
    has it as it was written. Other names of the zone are somebody else's, and left alone.
    """
    server.require_authority(zone.name)
    gone = {key: records for key, records in before.sets.items() if key not in zone.sets} if before else {}
    wanted: dict[Key, dns.rdataset.Rdataset | None] = {**zone.sets, **dict.fromkeys(gone)}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        there = dict(zip(wanted, pool.map(server.lookup, wanted), strict=True))
    return [
        Change(key, there[key], after)
        for key, after in sorted(wanted.items(), key=lambda item: (item[0][0], item[0][1]))
        if not _same(there[key], after) and (after is not None or _same(there[key], gone[key]))
    ]


def _same(one: dns.rdataset.Rdataset | None, other: dns.rdataset.Rdataset | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.ttl == other.ttl and set(one) == set(other)


def apply(server: NameServer, zones: Iterable[Zone], key: UpdateKey, before: Sequence[Zone] = ()) -> list[Change]:
    """Make a server say it; what was changed. Each update is whole or not at all.

    Raises `UpdateRefusedError` where the server takes it and then says something else: a name with a CNAME drops other
    records without a word (RFC 2136 3.4.2.2).
    """
    made: list[Change] = []
    earlier = {each.name: each for each in before}
    for zone in zones:
        changes = differences(server, zone, earlier.get(zone.name))
        with step(f"Updating {zone.name}: {len(changes)} sets of records"):
            for part in _parts(changes):
                server.update(zone.name, part, key)
                made += part
        left = differences(server, zone, earlier.get(zone.name))
        if left:
            raise UpdateRefusedError(
                f"{server} took the update of {zone.name} and does not have it: {left[0].described()}",
                hint="A CNAME of that name, or another writer, is in the way.",
            )
    return made


def _parts(changes: list[Change]) -> Iterator[list[Change]]:
    for first in range(0, len(changes), _A_MESSAGE):
        yield changes[first : first + _A_MESSAGE]
