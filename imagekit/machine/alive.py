"""The machines of this process: one word ends them all, where several threads each wait for one of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Protocol

from imagekit.machine.errors import BootFailedError


class Powered(Protocol):
    """A machine with a power switch."""

    def cut_power(self) -> None:
        """Take the power away at once."""


_lock = Lock()
_machines = list[Powered]()
_ended = False


@contextmanager
def counted(machine: Powered) -> Iterator[None]:
    """Count a machine for the time of the block. Raises `BootFailedError` after `end_all`: no other one begins."""
    with _lock:
        if _ended:
            raise BootFailedError("no machine is started any more: the run was interrupted")
        _machines.append(machine)
    try:
        yield
    finally:
        with _lock:
            _machines.remove(machine)


def end_all() -> None:
    """Take the power from every machine of this process; whoever waits for one sees it end.

    For a process that was interrupted and will end: it starts none any more.
    """
    global _ended
    with _lock:
        _ended, running = True, list(_machines)
    for machine in running:
        machine.cut_power()
