"""Disks that are full or read-only: what was written, where, what it needs, and what is free there."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagekit.base.errors import ToolError
from imagekit.base.process import ProcessError

_WORDS = {
    errno.ENOSPC: "No space left on device",
    errno.EDQUOT: "Disk quota exceeded",
    errno.EROFS: "Read-only file system",
}
_TEMPORARY = 64 << 20  # apt's copies of its indexes are the largest; disks and layers lie in the work folder
_GIT = "Out of diskspace"  # of a short write, which git does not ask the system about


class NoSpaceError(ToolError):
    """A disk of this host is full or read-only."""


@dataclass(slots=True)
class Space:
    """What a piece of work needs in bytes, about; it may learn more while it works."""

    need: int | None = None


@contextmanager
def space_for(what: str, folder: Path, need: int | None = None) -> Iterator[Space]:
    """Raise `NoSpaceError` when the block fails because `folder` has no space left; `need` is in bytes, about.

    What the block throws away of its own is thrown away first, so what is reported as free is without it.
    """
    space = Space(need)
    try:
        yield space
    except NoSpaceError:
        raise
    except (OSError, ToolError) as error:
        why = lack_of_space(error)
        if not why:
            raise
        raise no_space(what, folder, space.need, why) from error


def no_space(what: str, folder: Path, need: int | None, why: str) -> NoSpaceError:
    """The error for a folder that has no space left, or that nobody may write to."""
    if why == _WORDS[errno.EROFS]:
        return NoSpaceError(
            f"{what} writes to {folder}, which is on a read-only file system",
            hint="A checkout that is mounted read-only needs a folder .imagekit that is not: mount one there. A disk "
            "that became read-only by itself has an error: `dmesg` tells it.",
        )
    free = free_at(folder)
    needs = f"needs about {_mib(need)} MiB" if need else "needs more"
    return NoSpaceError(
        f"{what} {needs} in {folder}, where {free >> 20} MiB are free: {why}",
        hint="Make space there (`imagekit clean --cache` removes what can be made again, `--runs` the folders of runs) "
        "or name another folder, then run the same command again. What this run had begun there is removed.",
    )


def require_space(what: str, folder: Path, need: int) -> None:
    """Raise `NoSpaceError` where a file system has less than `need` bytes free, before anything is begun there."""
    if free_at(folder) < need:
        raise no_space(what, folder, need, "not enough to begin")


def require_temporary(what: str) -> None:
    """Hold the folder of temporary files to room; raises `NoSpaceError`, or `ToolError` for a TMPDIR that is none.

    Python takes another folder then without a word, and the programs that we start do not.
    """
    named = os.environ.get("TMPDIR")
    if named and not (Path(named).is_dir() and os.access(named, os.W_OK | os.X_OK)):
        raise ToolError(
            f"TMPDIR names {named}, which is no folder that can be written to",
            hint="Make the folder, name another one, or unset TMPDIR.",
        )
    folder = Path(tempfile.gettempdir())
    if free_at(folder) < _TEMPORARY:
        raise NoSpaceError(
            f"{what} needs about {_mib(_TEMPORARY)} MiB for temporary files in {folder}, where "
            f"{free_at(folder) >> 20} MiB are free",
            hint="Make space there, or name another folder: TMPDIR=FOLDER imagekit ...",
        )


def free_at(folder: Path) -> int:
    """Bytes that are free where a folder is, or will be."""
    return shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free


def lack_of_space(error: BaseException | str) -> str:
    """The system's words when an error, our own or a program's, comes from a full or read-only disk; else empty."""
    if isinstance(error, OSError):
        return _WORDS.get(error.errno or 0, "")
    said = f"{error} {error.stderr}" if isinstance(error, ProcessError) else str(error)
    said = said.replace(_GIT, _WORDS[errno.ENOSPC])
    return next((each for each in _WORDS.values() if each.lower() in said.lower()), "")


def _mib(size: int) -> int:
    return max(1, -(-size // (1 << 20)))
