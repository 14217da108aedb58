"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, text: str) -> Path:
    """Write a text file under a name beside and rename it into place."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def mark_used(path: Path) -> None:
    """Say that something kept was used now, by its time; one that cannot be marked keeps the time of its making."""
    with suppress(OSError):  # of another user, or read-only
        os.utime(path)
