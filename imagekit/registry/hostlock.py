"""Locks between the processes of one host: a file for each repository, and a name for the folder of these files."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from imagekit.base.filelock import try_lock
from imagekit.base.waiting import Deadline, DeadlineError, wait_until
from imagekit.registry.errors import LockedError


@contextmanager
def file_locked(folder: Path, name: str, deadline: Deadline) -> Iterator[None]:
    """Hold the file lock of a repository; raises `LockedError` when another process holds it until the deadline."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"publish-{sha256(name.encode()).hexdigest()[:16]}.lock"
    with path.open("a") as stream:
        try:
            wait_until(lambda: try_lock(stream), deadline, what=f"another publish to {name} on this host")
        except DeadlineError:
            raise LockedError(
                f"another process of this host publishes to {name}",
                hint=f"Wait for it; `fuser {path}` tells which one it is.",
            ) from None
        yield


def owner_of(folder: Path) -> str:
    """A name for this lock folder: whoever holds its file lock knows that older claims of that name are dead.

    The host's name and the file's inode go into it, so that a folder that was copied to another machine (a CI cache)
    does not make two hosts one.
    """
    path = folder / "owner"
    if not path.exists():
        temporary = folder / f".owner.{os.getpid()}"
        temporary.write_text(secrets.token_hex(6))
        temporary.replace(path)
    here = f"{path.read_text().strip()} {socket.gethostname()} {path.stat().st_ino}"
    return sha256(here.encode()).hexdigest()[:12]
