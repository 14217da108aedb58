"""Console logs of machines, of finished and of running ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imagekit.base.earlier import boot_path_today
from imagekit.base.errors import ConfigError
from imagekit.base.waiting import Deadline, DeadlineError, wait_until

_CHUNK = 1 << 16


def find_console(work: Path, run_id: str | None, boot_path: str | None) -> Path:
    """The newest console log, of a run (the beginning of its id) or boot path if named; raises `ConfigError`."""
    logs = (work / "runs").glob(f"{run_id or ''}*/*/console.log")
    # The folder of a run is named as the boot path was when it ran.
    asked = [log for log in logs if boot_path in (None, boot_path_today(log.parent.name))]
    found = sorted(asked, key=lambda path: path.stat().st_mtime)
    if not found:
        raise ConfigError("no console log of such a machine is kept here", hint="`imagekit test IMAGE` makes one.")
    return found[-1]


def follow(log: Path, *, seconds: float) -> Iterator[bytes]:
    """What a log holds and what is added to it, until nothing was added for `seconds`."""
    with log.open("rb") as stream:
        while True:
            yield from iter(lambda: stream.read(_CHUNK), b"")
            try:
                yield wait_until(lambda: stream.read(_CHUNK), Deadline.after(seconds), what=f"more in {log.name}")
            except DeadlineError:
                return
