"""Observations in SQLite, each with the hash of the one before: edits and gaps are named, and so is a cut-off end.

The head (how many there are, and the hash of the last) stands in a row of its own. Whoever can write the file can
write all of it anew; a head that was signed, or that an audit of another day names, is what shows that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from imagekit.base.errors import ToolError
from imagekit.base.space import lack_of_space
from imagekit.observe.model import Observation, ObservationError, read_body

_WAIT = 60.0  # seconds that another observer may write
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS observations (number INTEGER PRIMARY KEY, node TEXT NOT NULL, at INTEGER NOT NULL, "
    "body TEXT NOT NULL, hash TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS observations_node ON observations (node, at)",
    "CREATE TABLE IF NOT EXISTS head "
    "(id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL, hash TEXT NOT NULL)",
    "INSERT OR IGNORE INTO head VALUES (1, 0, '')",
)


@dataclass(frozen=True, slots=True)
class Head:
    """How many observations there are, and the hash of the last one, which covers all before it."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Observations:
    """The store in one file; it is made when the first observation is added."""

    path: Path

    @property
    def exists(self) -> bool:
        """Whether anything was ever observed here."""
        return self.path.exists()

    def add(self, found: Iterable[Observation]) -> Head:
        """Append, all of them or none; observers at the same time come one after the other.

        Raises `ToolError` where the file cannot be written (a full disk, no rights).
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as base:
            for line in _SCHEMA:
                base.execute(line)
            base.execute("BEGIN IMMEDIATE")
            try:
                head = self._append(base, found)
                base.execute("COMMIT")
            except BaseException:
                if base.in_transaction:
                    base.execute("ROLLBACK")
                raise
        return head

    def _append(self, base: sqlite3.Connection, found: Iterable[Observation]) -> Head:
        number, before = base.execute("SELECT number, hash FROM head").fetchone()
        last = base.execute("SELECT number, hash FROM observations ORDER BY number DESC LIMIT 1").fetchone() or (0, "")
        if (number, before) != last:
            raise _cut(self.path, number, last[0])
        for each in found:
            number, body = number + 1, each.body()
            before = link(before, body)
            base.execute("INSERT INTO observations VALUES (?, ?, ?, ?, ?)", (number, each.node, each.at, body, before))
        base.execute("UPDATE head SET number = ?, hash = ?", (number, before))
        return Head(number, before)

    def verify(self, upto: Head | None = None) -> Head:
        """Check every link; raises `ObservationError` naming the first that is wrong.

        With `upto`, a head that was signed or seen before, that one must be on the way.
        """
        with self._open() as base:
            expected, before, passed = 0, "", upto is None or upto.number == 0
            for number, body, node, at, kept in base.execute(
                "SELECT number, body, node, at, hash FROM observations ORDER BY number"
            ):
                expected += 1
                if number != expected:
                    raise ObservationError(
                        f"{self.path}: observation {expected} is missing",
                        hint="It was removed: use a copy of the file.",
                    )
                before = link(before, body)
                if before != kept or not _columns(body, node, at):
                    raise ObservationError(
                        f"{self.path}: observation {number} was changed after it was written", hint=_EDITED
                    )
                passed = passed or (upto is not None and (upto.number, upto.hash) == (number, before))
            head = Head(*base.execute("SELECT number, hash FROM head").fetchone())
        if head != Head(expected, before):
            raise _cut(self.path, head.number, expected)
        if not passed and upto is not None:
            raise ObservationError(
                f"{self.path}: observation {upto.number} is not the one whose hash {upto.hash[:12]} was signed",
                hint="The file was written anew, or its end was cut off: use a copy.",
            )
        return head

    def of(self, node: str) -> list[Observation]:
        """What one node said, in the order of time."""
        with self._open() as base:
            rows = base.execute("SELECT body FROM observations WHERE node = ? ORDER BY at, number", (node,)).fetchall()
        return [read_body(row[0]) for row in rows]

    def links(self) -> Iterator[tuple[str, str]]:
        """Every hash with the text that it is of, in the order of the chain."""
        with self._open() as base:
            yield from base.execute("SELECT hash, body FROM observations ORDER BY number")

    def every(self) -> Iterator[Observation]:
        """All observations, node by node, in the order of time."""
        with self._open() as base:
            for row in base.execute("SELECT body FROM observations ORDER BY node, at, number"):
                yield read_body(row[0])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            base = sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None)
        except sqlite3.OperationalError as error:
            raise ToolError(f"{self.path}: {error}", hint="Look at the rights of its folder.") from None
        try:
            base.execute("PRAGMA synchronous = FULL")
            yield base
        except sqlite3.OperationalError as error:
            raise self._failed(error) from None
        except sqlite3.DatabaseError as error:
            raise ObservationError(f"{self.path} cannot be read: {error}", hint=_EDITED) from None
        finally:
            base.close()

    def _failed(self, error: sqlite3.OperationalError) -> ToolError:
        if lack_of_space(str(error)) or "full" in str(error):
            return ToolError(
                f"{self.path}: the disk is full; nothing was added", hint="Make room, and observe once more."
            )
        return ToolError(f"{self.path}: {error}", hint="Is another observer writing, or does the file lack its tables?")


_EDITED = "Use a copy of the file from before; an audit takes none of these observations until then."


def _columns(body: str, node: str, at: int) -> bool:
    """Whether the columns that rows are found by say what the hashed text says."""
    try:
        found = read_body(body)
    except ObservationError:
        return False
    return (found.node, found.at) == (node, at)


def link(before: str, body: str) -> str:
    """The hash of an observation: SHA-256 of the hash before, a newline and the text."""
    return sha256(f"{before}\n{body}".encode()).hexdigest()


def _cut(path: Path, said: int, there: int) -> ObservationError:
    if there < said:
        reported = f"{path}: the head names {said} observations and {there} are there: the end was cut off"
    else:
        reported = f"{path}: the head names {said} observations and {there} are there: rows were put in beside imagekit"
    return ObservationError(reported, hint=_EDITED)
