"""End what a check left running: testinfra waits for its ssh client without any limit of its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def children(pid: int) -> tuple[int, ...]:
    """The children of a process (proc(5), `children` of its threads); empty when it is gone."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return tuple(found)


def end_children(pid: int | None = None) -> None:
    """Kill all children of this process (or of `pid`) and what they started; only ever what we started ourselves."""
    for child in children(os.getpid() if pid is None else pid):
        end_children(child)
        try:
            os.kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue
