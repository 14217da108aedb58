"""What can be wrong with the history file, each with what to do next."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagekit.base.errors import ConfigError, ToolError

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
REBUILD = "`imagekit trends --rebuild` keeps the damaged file beside and reads the kept results again."


class HistoryError(ToolError):
    """The history cannot be read or written now."""


class HistoryDamagedError(HistoryError):
    """The file is no history, or its content is damaged."""


class HistoryFormatError(ConfigError):
    """The file was written by a later imagekit."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite raises inside the block into one of these errors; https://sqlite.org/rescode.html."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        # Extended codes hold the primary one in their lowest byte; errors of the Python module have none.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGED:
            raise HistoryDamagedError(f"{path}: the history is damaged ({error})", hint=REBUILD) from None
        if code in _BUSY:
            hint = "Another imagekit writes for longer than a minute; look for it with `ps`, then try again."
            raise HistoryError(f"{path}: the history is in use ({error})", hint=hint) from None
        hint = "Look at the file's owner and at the room on its disk; `history` in imagekit.yaml names another place."
        raise HistoryError(f"{path}: the history cannot be used ({error})", hint=hint) from None
