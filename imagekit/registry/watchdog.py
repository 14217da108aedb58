"""Limits of time that one thread keeps for all connections; a thread for each request cost more than the request."""

from __future__ import annotations

import heapq
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count


@dataclass(slots=True, eq=False)
class Watch:
    """Something that has to be done when its time comes, unless it is cancelled before."""

    due: float
    number: int
    act: Callable[[], None] | None

    def cancel(self) -> None:
        """It need not be done any more."""
        self.act = None

    def __lt__(self, other: Watch) -> bool:
        return (self.due, self.number) < (other.due, other.number)


@dataclass(slots=True)
class Watchdog:
    """Does each thing at its time, in one thread that begins with the first; things have to be short."""

    _waiting: list[Watch] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _numbers: count[int] = field(default_factory=count)
    _pid: int = 0  # of the process whose thread runs: a fork has none

    def after(self, seconds: float, act: Callable[[], None]) -> Watch:
        """Do something in so many seconds; what it returns cancels it."""
        with self._changed:
            self._begin()
            watch = Watch(time.monotonic() + seconds, next(self._numbers), act)
            heapq.heappush(self._waiting, watch)
            if self._waiting[0] is watch:
                self._changed.notify()
        return watch

    def _begin(self) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._waiting.clear()
            threading.Thread(target=self._run, name="imagekit watchdog", daemon=True).start()

    def _run(self) -> None:
        while True:
            act = self._next()
            if act is not None:
                act()

    def _next(self) -> Callable[[], None] | None:
        """Wait for the first thing, or for an earlier one; what is due now."""
        with self._changed:
            while self._waiting and self._waiting[0].act is None:
                heapq.heappop(self._waiting)
            if not self._waiting:
                self._changed.wait()
                return None
            left = self._waiting[0].due - time.monotonic()
            if left > 0:
                self._changed.wait(left)
                return None
            return heapq.heappop(self._waiting).act


WATCHDOG = Watchdog()
