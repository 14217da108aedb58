"""Console logs of machines, of finished and of running ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.base.waiting import Deadline, DeadlineError, wait_until

_CHUNK = 1 << 16


def find_console(work: Path, run_id: str | None, road: str | None) -> Path:
    """The newest console log, of a run (a beginning of its id is enough) or road if named; raises `ConfigError`."""
    logs = (work / "runs").glob(f"{run_id or ''}*/{road or '*'}/console.log")
    found = sorted(logs, key=lambda path: path.stat().st_mtime)
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
