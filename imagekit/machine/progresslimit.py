"""A time limit for a machine that follows its progress, not the clock of a host that may be busy with other things.

A host that gives a guest a quarter of a processor makes a good boot four times longer; its speed says nothing of that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from imagekit.base import process
from imagekit.base.waiting import Limit

# A good node on a starved host is waited for up to so many times its limit.
_MOST = 4.0
_WINDOW = 60.0  # seconds of standing still that end the waiting
_EVERY = 5.0  # seconds between two looks at the machine
_BUSY = 0.1  # processors; an idle guest takes less, one that boots more, even on a starved host
_GRACE = 1.0


@dataclass(frozen=True, slots=True)
class _Sign:
    at: float
    cpu: float
    said: int


@dataclass(slots=True)
class ProgressLimit:
    """A `Limit` of so many `seconds` for a machine; more while it goes on and had no such time on a processor yet.

    `cpu_seconds` is what the machine's QEMU has used, `said` the size of its console in bytes. It is over after four
    times the limit; after the limit, when the machine used as many seconds of a processor, or stood still for a minute:
    said nothing, and used less than a tenth of a processor.
    """

    limit: float
    cpu_seconds: Callable[[], float]
    said: Callable[[], int]
    clock: Callable[[], float] = process.now
    _signs: deque[_Sign] = field(default_factory=deque)
    _begun: float = field(init=False)
    _cpu_begun: float = field(init=False)

    def __post_init__(self) -> None:
        self._begun, self._cpu_begun = self.clock(), self.cpu_seconds()

    @property
    def seconds(self) -> float:
        """The limit, or the time since the beginning where that is longer."""
        return max(self.limit, self.clock() - self._begun)

    @property
    def remaining(self) -> float:
        """Seconds until the limit, then a second at a time; 0.0 when it is over."""
        left = self.limit - (self.clock() - self._begun)
        if left > 0:
            self._look()
            return left
        return 0.0 if self.passed else _GRACE

    @property
    def passed(self) -> bool:
        """Whether there is nothing left to wait for."""
        elapsed = self.clock() - self._begun
        if elapsed < self.limit:
            self._look()
            return False
        now = self._look(fresh=True)
        used = now.cpu - self._cpu_begun
        return elapsed >= _MOST * self.limit or used >= self.limit or self._stands_still(now)

    def _look(self, *, fresh: bool = False) -> _Sign:
        at = self.clock()
        if self._signs and at - self._signs[-1].at < _EVERY:
            return _Sign(at, self.cpu_seconds(), self.said()) if fresh else self._signs[-1]
        self._signs.append(_Sign(at, self.cpu_seconds(), self.said()))
        while len(self._signs) > 1 and at - self._signs[1].at >= _WINDOW:
            self._signs.popleft()
        return self._signs[-1]

    def _stands_still(self, now: _Sign) -> bool:
        """Whether a whole window has passed without a sign; a limit shorter than the window is a window of its own."""
        then = self._signs[0]
        window = now.at - then.at
        return now.said == then.said and now.cpu - then.cpu < _BUSY * window


@dataclass(slots=True)
class StartsLimit:
    """A `Limit` for a machine that may start several times: what `made` gives, anew at every start.

    A node of real Kairos needs minutes for each of the boots that lead it back to its old image.
    """

    made: Callable[[], Limit]
    starts: Callable[[], int]
    _limit: Limit = field(init=False)
    _count: int = field(init=False)

    def __post_init__(self) -> None:
        self._count, self._limit = self.starts(), self.made()

    @property
    def seconds(self) -> float:
        """The limit of the present start."""
        return self._present.seconds

    @property
    def remaining(self) -> float:
        """Seconds left for the present start."""
        return self._present.remaining

    @property
    def passed(self) -> bool:
        """Whether the present start took too long."""
        return self._present.passed

    @property
    def _present(self) -> Limit:
        if (count := self.starts()) != self._count:
            self._count, self._limit = count, self.made()
        return self._limit
