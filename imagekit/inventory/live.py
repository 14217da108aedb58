"""The live inventory: what a node has only when it runs, asked in the session that the checks have.

Sockets are those that listen when the checks have ended; what a unit costs is what systemd says of the boot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from imagekit.base.text import one_line
from imagekit.inventory.compare import Change, ChangeKind

_HOLDER = re.compile(r'\("([^"]{1,15})"')
_LOOPBACK = re.compile(r"(\[?::ffff:)?127\.|\[?::1\]?(%|$)")
# A unit is told when it costs so much more, in seconds and as a factor; emulated boots differ by less.
_SECONDS, _FACTOR = 2.0, 1.5
_ENOUGH = 5  # units that both boots had, to tell a slow host from a slow unit


class Listening(NamedTuple):
    """A socket that listens: tcp or udp, whether the network reaches it, port, the programs that hold it."""

    protocol: str
    reach: str
    port: int
    program: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveInventory:
    """One boot path: what listens, seconds that each unit took to come up (the slowest), seconds of the whole boot.

    `listening` is None where the node did not tell it, which is another thing than nothing.
    """

    boot_path: str
    listening: tuple[Listening, ...] | None = None
    units: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0


def parse_listening(lines: Iterable[str]) -> tuple[Listening, ...]:
    """Sockets out of the lines of ``ss -Hlntup``, each port once; ports that the kernel chose are not told apart."""
    found = set()
    for fields in (line.split(None, 6) for line in lines):
        if len(fields) < 5:
            continue
        address, _, port = fields[4].rpartition(":")
        if port.isdigit():
            programs = sorted(set(_HOLDER.findall(fields[6]))) if len(fields) > 6 else []
            reach = "loopback" if _LOOPBACK.match(address) else "network"
            found.add(Listening(fields[0], reach, int(port), one_line(",".join(programs), 60)))
    return tuple(sorted(found))


def compare_live(a: Iterable[LiveInventory], b: Iterable[LiveInventory]) -> tuple[Change, ...]:
    """What differs on the boot paths that both sides were booted on; what holds on all of them is told once."""
    before, after = ({each.boot_path: each for each in side} for side in (a, b))
    both = [path for path in before if path in after]
    rows = {path: list(_rows(before[path], after[path])) for path in both}
    reported: dict[Change, list[str]] = {}
    for path, changes in rows.items():
        for change in changes:
            reported.setdefault(change, []).append(path)
    return tuple(
        change if len(paths) == len(both) else _on(change, paths)
        for change, paths in sorted(
            reported.items(), key=lambda each: (list(ChangeKind).index(each[0].kind), each[0].text)
        )
    )


def _rows(a: LiveInventory, b: LiveInventory) -> Iterator[Change]:
    if a.listening is not None and b.listening is not None:
        yield from _sockets(a.listening, b.listening)
    yield from _units(a.units, b.units)


def _sockets(a: tuple[Listening, ...], b: tuple[Listening, ...]) -> Iterator[Change]:
    was, now = _programs(a), _programs(b)
    for key in sorted({*was, *now}):
        protocol, reach, port = key
        name = f"{protocol.upper()} {port}"
        where = " on loopback" if reach == "loopback" else ""
        if key not in was:
            yield _change(name, "", now[key], f"{name} listens{where} ({now[key] or 'the kernel'})")
        elif key not in now:
            yield _change(name, was[key], "", f"{name} listens{where} no more ({was[key] or 'the kernel'})")
        elif was[key] != now[key]:
            yield _change(name, was[key], now[key], f"{name}{where}: {was[key] or 'the kernel'} to {now[key]}")


def _programs(sockets: Iterable[Listening]) -> dict[tuple[str, str, int], str]:
    """The programs on each port: of several addresses several may hold it."""
    found: dict[tuple[str, str, int], list[str]] = {}
    for each in sorted(sockets):
        found.setdefault(each[:3], []).append(each.program)
    return {key: ", ".join(filter(None, names)) for key, names in found.items()}


def _units(a: Mapping[str, float], b: Mapping[str, float]) -> Iterator[Change]:
    slower = _slower(a, b)
    for name in sorted(b):
        was, now = a.get(name, 0.0), b[name]
        if now - was * slower >= _SECONDS and now >= _FACTOR * was * slower:
            text = f"boot: {name} takes {now:.1f} s" + (f", it was {was:.1f} s" if was else "")
            yield Change(kind=ChangeKind.BOOT, name=name, before=f"{was:.1f}", after=f"{now:.1f}", text=text)


def _slower(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    """How much slower the whole of the second boot was: others worked on its host, and no unit costs more for that."""
    ratios = [b[name] / a[name] for name in a.keys() & b.keys() if a[name] > 0]
    return max(1.0, median(ratios)) if len(ratios) >= _ENOUGH else 1.0


def _on(change: Change, paths: list[str]) -> Change:
    text = f"{change.text}, on boot path {', '.join(paths)}"
    return Change(kind=change.kind, name=change.name, before=change.before, after=change.after, text=text)


def _change(name: str, before: str, after: str, text: str) -> Change:
    return Change(kind=ChangeKind.SOCKET, name=name, before=before, after=after, text=text)
