"""The machines of this process: one word ends those of a run, where several threads each wait for one of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Protocol

from imagekit.machine.errors import interrupted


class Powered(Protocol):
    """A machine with a power switch."""

    def end(self) -> None:
        """Take the power away at once and for good: also from one that is just being started."""


_lock = Lock()
_machines = list[tuple[str, Powered]]()
_ended = set[str]()


@contextmanager
def counted(run_id: str, machine: Powered) -> Iterator[None]:
    """Count a machine of a run for the time of the block. Raises `BootFailedError` after the run's `end_all`."""
    with _lock:
        if run_id in _ended:
            raise interrupted()
        _machines.append((run_id, machine))
    try:
        yield
    finally:
        with _lock:
            _machines.remove((run_id, machine))


def end_all(run_id: str) -> None:
    """Take the power from every machine of a run in this process; whoever waits for one sees it end.

    For a run that was interrupted: it starts none any more.
    """
    with _lock:
        _ended.add(run_id)
        running = [machine for owner, machine in _machines if owner == run_id]
    for machine in running:
        machine.end()
