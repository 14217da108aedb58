"""Questions to the index: the points of one node, or of every node, one after another."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from imagekit.audit.clocks import before_history
from imagekit.audit.index import EVERY
from imagekit.audit.model import ABSENT, Assignment, Kind, Point, Pointed, State

Assigned = list[tuple[int, Assignment | None]]
Pointings = Mapping[tuple[str, str], list[tuple[int, Pointed | None]]]
Bounds = Mapping[int, tuple[int, int]]
_NO_POINTER = Pointed()
_NODE = "seq, gone, image, channel, digest, cluster, address, retiring, problem"
_POINTER = "channel, image, seq, gone, digest, version, reference, record, record_hash, problem"


def node_names(base: sqlite3.Connection) -> list[str]:
    """Every node that there ever was."""
    return [row[0] for row in base.execute("SELECT DISTINCT node FROM nodes WHERE node != ? ORDER BY node", (EVERY,))]


def points_of(base: sqlite3.Connection, node: str) -> list[Point]:
    """What Git says of one node, from the beginning of the history."""
    rows = base.execute(f"SELECT node, {_NODE} FROM nodes WHERE node = ? ORDER BY seq", (node,))
    return next((points for _, points in _every(base, rows)), [])


def all_points(base: sqlite3.Connection) -> Iterator[tuple[str, list[Point]]]:
    """What Git says of every node, one after another in the order of their names."""
    yield from _every(base, base.execute(f"SELECT node, {_NODE} FROM nodes ORDER BY node, seq"))


def _every(base: sqlite3.Connection, rows: Iterable[Sequence[object]]) -> Iterator[tuple[str, list[Point]]]:
    pointings, bounds = _pointings(base), _bounds(base)
    unread = base.execute(f"SELECT node, {_NODE} FROM nodes WHERE node = ? ORDER BY seq", (EVERY,)).fetchall()
    every = [_event(row) for row in unread]
    for node, own in groupby(rows, key=lambda row: str(row[0])):
        if node != EVERY:
            yield node, joined(_unreadable([_event(row) for row in own], every), pointings, bounds)


def _event(row: Sequence[object]) -> tuple[int, Assignment | None]:
    return int(str(row[1])), _assignment(row)


def _unreadable(assigned: Assigned, every: Assigned) -> Assigned:
    """While fleet files cannot be read nothing is known of a node, also when they did not name it before."""
    if not every:
        return assigned
    found: Assigned = []
    own, unread = dict(assigned), dict(every)
    entry: Assignment | None = None
    problem: Assignment | None = None
    for seq in sorted(own.keys() | unread.keys()):
        entry, problem = own.get(seq, entry), unread.get(seq, problem)
        found.append((seq, entry if entry is not None else problem))
    return found


def _assignment(row: Sequence[object]) -> Assignment | None:
    if row[2]:
        return None
    image, channel, digest, cluster, address, retiring, problem = (str(each) for each in row[3:])
    return Assignment(
        image=image,
        channel=channel,
        digest=digest,
        cluster=cluster,
        address=address,
        retiring=retiring,
        problem=problem,
    )


def _pointings(base: sqlite3.Connection) -> Pointings:
    found: dict[tuple[str, str], list[tuple[int, Pointed | None]]] = defaultdict(list)
    for channel, image, seq, gone, *values in base.execute(f"SELECT {_POINTER} FROM pointers ORDER BY seq"):
        digest, version, reference, record, record_hash, problem = values
        pointed = Pointed(
            digest=digest,
            version=version,
            reference=reference,
            record=record,
            record_hash=record_hash,
            problem=problem,
        )
        found[(channel, image)].append((seq, None if gone else pointed))
    return found


def _bounds(base: sqlite3.Connection) -> Bounds:
    """The bounds of the commits that changed something, and of the first one."""
    asked = (
        "SELECT seq, low, high FROM commits WHERE seq = (SELECT min(seq) FROM commits) "
        "OR seq IN (SELECT seq FROM nodes) OR seq IN (SELECT seq FROM pointers)"
    )
    return {seq: (low, high) for seq, low, high in base.execute(asked)}


def joined(assigned: Assigned, pointings: Pointings, bounds: Bounds) -> list[Point]:
    """The points of a node: every commit that changed its entry, or what its channel points at while it follows it."""
    first = min(bounds) if bounds else 1
    changes = assigned if assigned and assigned[0][0] == first else [(first, None), *assigned]
    points = [before_history()]
    for at, (seq, assignment) in enumerate(changes):
        until = changes[at + 1][0] if at + 1 < len(changes) else 1 << 60
        for number, state in _states(seq, until, assignment, pointings):
            low, high = bounds[number]
            points.append(Point(number, low, high, state))
    return points


def _states(seq: int, until: int, assignment: Assignment | None, pointings: Pointings) -> Iterator[tuple[int, State]]:
    if assignment is None or assignment.problem or assignment.digest or not assignment.channel:
        yield seq, state_of(assignment, None)
        return
    moves = pointings.get((assignment.channel, assignment.image), [])
    start = bisect_right(moves, seq, key=lambda each: each[0])
    yield seq, state_of(assignment, moves[start - 1][1] if start else None)
    for number, pointed in moves[start:]:
        if number >= until:
            return
        yield number, state_of(assignment, pointed)


def state_of(assignment: Assignment | None, pointed: Pointed | None) -> State:
    """What a node was to run, by its entry and by what its channel points at for its image."""
    if assignment is None:
        return ABSENT
    if assignment.problem:
        return State(kind=Kind.UNREADABLE, problem=assignment.problem)
    kind = Kind.RUNS
    if not assignment.digest:
        kind = Kind.NOTHING if pointed is None else Kind.UNREADABLE if pointed.problem else Kind.RUNS
    said = _NO_POINTER if assignment.digest or pointed is None else pointed
    return State(
        kind=kind,
        image=assignment.image,
        channel="" if assignment.digest else assignment.channel,
        cluster=assignment.cluster,
        address=assignment.address,
        retiring=assignment.retiring,
        digest=assignment.digest or said.digest,
        version=said.version,
        reference=said.reference,
        record=said.record,
        record_hash=said.record_hash,
        problem=said.problem,
    )


def renames(base: sqlite3.Connection, node: str) -> list[tuple[int, str, bool]]:
    """Commits in which another node with the same address appeared as this one went (True), or went as it appeared.

    A hint for people: an address may be given to another machine. The commit, the other node, and the direction.
    """
    asked = (
        "SELECT ours.seq, other.node, ours.gone FROM nodes AS ours "
        "JOIN nodes AS before ON before.node = CASE ours.gone WHEN 1 THEN ours.node ELSE other.node END "
        "JOIN nodes AS other ON other.seq = ours.seq AND other.node != ours.node AND other.gone != ours.gone "
        "WHERE ours.node = ? AND before.seq = (SELECT max(seq) FROM nodes WHERE node = before.node AND seq < ours.seq) "
        "AND before.address != '' AND before.address = CASE ours.gone WHEN 1 THEN other.address ELSE ours.address END"
    )
    return [(seq, other, bool(gone)) for seq, other, gone in base.execute(asked, (node,))]


def commit_id(base: sqlite3.Connection, seq: int) -> str:
    """The commit of a number; empty for what is before the history."""
    found = base.execute("SELECT id FROM commits WHERE seq = ?", (seq,)).fetchone()
    return str(found[0]) if found else ""


def number_of(base: sqlite3.Connection, commit: str) -> int:
    """The number of a commit of the first-parent history; 0 for another."""
    found = base.execute("SELECT seq FROM commits WHERE id = ?", (commit,)).fetchone()
    return int(found[0]) if found else 0


def odd_clocks(base: sqlite3.Connection) -> list[tuple[str, int, int]]:
    """Commits whose clocks contradict their neighbours': the commit, its bounds."""
    asked = "SELECT id, low, high FROM commits WHERE low != high ORDER BY seq LIMIT 20"
    return [(commit, low, high) for commit, low, high in base.execute(asked)]
