"""Short-lived folders for sockets, keys and seeds, each naming its owner so that a sweep can remove it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagekit.base import process
from imagekit.machine.hosts import is_remote

PREFIX = "imagekit-vm-"
WORK = ".imagekit"  # the work folder of a project
_OWNER = "owner.json"


def runtime_base() -> Path:
    """Where short paths live: /run for root, the temporary folder for others.

    A UNIX socket's path has at most 107 bytes, so the work folder itself will not do. Nor does XDG_RUNTIME_DIR: systemd
    shuts it to everybody else at each login, and the system's libvirt runs QEMU as a user of its own.
    """
    return Path("/run") if os.geteuid() == 0 else Path(tempfile.gettempdir())


def seen_by(uri: str | None, inside: Path) -> Path | None:
    """Where a machine at a connection address finds files that are made for it; None: in `runtime_base`.

    Another host sees the work folder that `inside` lies in, and of this host's own folders none.
    """
    if not is_remote(uri):
        return None
    base = machines_folder(work_folder(inside))
    base.mkdir(parents=True, exist_ok=True)
    return base


def work_folder(path: Path) -> Path:
    """The work folder that a path lies in; itself when in none."""
    return next((each for each in (path, *path.parents) if each.name == WORK), path)


def machines_folder(work: Path) -> Path:
    """Where the disks of nodes lie while these live, below a project's work folder: too much for memory."""
    return work / "machines"


@contextmanager
def owned_folder(run_id: str, base: Path | None = None) -> Iterator[Path]:
    """A private folder that is removed at the end; after a kill -9 `dead_folders` finds it."""
    made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base or runtime_base()))
    owner = {"pid": os.getpid(), "started": process.start_time(os.getpid()), "run": run_id, "place": process.place()}
    try:
        (made / _OWNER).write_text(json.dumps(owner))
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def dead_folders(base: Path | None = None) -> list[Path]:
    """Folders whose owner no longer runs; one without a readable owner is left alone."""
    return [path for path in sorted((base or runtime_base()).glob(f"{PREFIX}*")) if _is_dead(path)]


def _is_dead(path: Path) -> bool:
    try:
        if path.is_symlink() or path.stat().st_uid != os.geteuid():
            return False
        owner = json.loads((path / _OWNER).read_text())
        return not (
            process.elsewhere(str(owner.get("place", "")))
            or process.alive(int(owner["pid"]), started=float(owner["started"]))
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
