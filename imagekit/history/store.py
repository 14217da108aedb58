"""The file: opened, made, and written in whole transactions.

The rollback journal is used, not WAL: the file may lie on a shared file system, where WAL does not work
(https://sqlite.org/wal.html). A writer that is killed leaves a journal, and the next who opens the file rolls back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from imagekit.history.errors import HistoryDamagedError, HistoryError, HistoryFormatError, explained

FILE_NAME = "history.sqlite"
FORMAT = 2
_BUSY_SECONDS = 60.0  # seconds that a writer waits for another
_SCHEMA = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, image TEXT NOT NULL, digest TEXT NOT NULL, version TEXT NOT NULL, started TEXT NOT NULL,
    verdict TEXT NOT NULL, seconds REAL NOT NULL, size INTEGER NOT NULL, published INTEGER NOT NULL,
    trial INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX runs_of_image ON runs (image, started);
CREATE TABLE stages (
    run_id TEXT NOT NULL REFERENCES runs, name TEXT NOT NULL, status TEXT NOT NULL, seconds REAL NOT NULL
);
CREATE INDEX stages_of_run ON stages (run_id);
CREATE TABLE checks (
    run_id TEXT NOT NULL REFERENCES runs, name TEXT NOT NULL, layer TEXT NOT NULL, outcome TEXT NOT NULL,
    required INTEGER NOT NULL, fresh INTEGER NOT NULL, seconds REAL NOT NULL,
    ticket TEXT NOT NULL, expires TEXT NOT NULL, owner TEXT NOT NULL
);
CREATE INDEX checks_of_run ON checks (run_id);
CREATE INDEX checks_by_name ON checks (name);
CREATE TABLE boots (
    run_id TEXT NOT NULL REFERENCES runs, path TEXT NOT NULL, fresh INTEGER NOT NULL,
    seconds REAL NOT NULL, cpu REAL NOT NULL
);
CREATE INDEX boots_of_run ON boots (run_id);
CREATE TABLE nights (
    night_id TEXT PRIMARY KEY, image TEXT NOT NULL, started TEXT NOT NULL, ended TEXT NOT NULL,
    outcome TEXT NOT NULL, text TEXT NOT NULL, behind INTEGER
);
CREATE TABLE gates (
    at TEXT NOT NULL, image TEXT NOT NULL, channel TEXT NOT NULL, digest TEXT NOT NULL,
    passed INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (at, channel, digest)
);
"""
# From the format before it. Whether a run of then was a trial is not known.
_TRIALS = "ALTER TABLE runs ADD COLUMN trial INTEGER NOT NULL DEFAULT 0"


class History:
    """An open history file; a context manager. Every method raises `HistoryError` or one of its kinds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _make_folder(path)
        with explained(path):
            self._db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            self._db.execute("PRAGMA foreign_keys = ON")
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def _prepare(self) -> None:
        """Make the tables of a new file, bring one of an older format up to this one; refuse others."""
        if self.rows("PRAGMA user_version") == [(FORMAT,)]:
            return
        with self.writing() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if version > FORMAT:
                raise HistoryFormatError(
                    f"{self.path}: a history of format {version}; this imagekit knows {FORMAT}",
                    hint="Use the imagekit that wrote it, or name another file as `history` in imagekit.yaml.",
                )
            if version == 0 and tables:
                raise HistoryDamagedError(
                    f"{self.path}: a database, and not one of imagekit's",
                    hint="Name another file as `history` in imagekit.yaml.",
                )
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
            elif version == 1:
                db.execute(_TRIALS)
            db.execute(f"PRAGMA user_version = {FORMAT}")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, from its beginning the only writer's; nothing of it is kept when the block raises."""
        with explained(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with explained(self.path):
            return self._db.execute(query, values).fetchall()

    def require_whole(self) -> None:
        """Read every page; raises `HistoryDamagedError` with the first thing that is wrong."""
        found = self.rows("PRAGMA integrity_check(1)")[0][0]
        if found != "ok":
            from imagekit.history.errors import REBUILD

            raise HistoryDamagedError(f"{self.path}: the history is damaged ({found})", hint=REBUILD)


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "`history` in imagekit.yaml names another place."
        raise HistoryError(f"{path}: no place for the history ({error.strerror})", hint=hint) from None
