"""Locks of open files between processes (flock(2)); one that is killed gives its locks back by that."""

from __future__ import annotations

import fcntl
from typing import IO, Any


def try_lock(stream: IO[Any], *, shared: bool = False) -> bool:
    """Take a file's lock if it can be had at once; a `shared` one is for several, else nobody else has any."""
    try:
        fcntl.flock(stream, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock(stream: IO[Any]) -> None:
    """Wait, without end, until nobody else has a file's lock, and take it."""
    fcntl.flock(stream, fcntl.LOCK_EX)


def unlock(stream: IO[Any]) -> None:
    """Give a file's lock back before the file is closed."""
    fcntl.flock(stream, fcntl.LOCK_UN)
