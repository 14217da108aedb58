"""Files that are there whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imagekit.base.errors import ConfigError


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write a file under a name beside and rename it into place. Raises `ConfigError` where its folder is none."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with named_place(path), beside.open("wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        with named_place(path):
            beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    return path


@contextmanager
def named_place(path: Path) -> Iterator[None]:
    """Raise `ConfigError` where a file that somebody named has no folder to be in, or is one itself."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", hint=f"Is {path.absolute().parent} a folder, and there?"
        ) from None


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def mark_used(path: Path) -> None:
    """Say that something kept was used now, by its time; one that cannot be marked keeps the time of its making."""
    with suppress(OSError):  # of another user, or read-only
        os.utime(path)
