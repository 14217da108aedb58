"""Wait for evidence, against a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from imagekit.base.errors import ToolError
from imagekit.base.log import progress

T = TypeVar("T")
_TELL_EVERY = 4.0


class DeadlineError(ToolError):
    """What was awaited did not come in time."""


class Limit(Protocol):
    """How long to wait: a `Deadline`, or something that also looks at what is waited for."""

    @property
    def seconds(self) -> float:
        """The whole time that is given."""

    @property
    def remaining(self) -> float:
        """Seconds left, never below zero."""

    @property
    def passed(self) -> bool:
        """Whether waiting ends."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock after which waiting ends."""

    at: float
    seconds: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """A deadline so many seconds from now."""
        return cls(time.monotonic() + seconds, seconds)

    @property
    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether the moment is over."""
        return self.remaining == 0.0


def wait_until(
    probe: Callable[[], T | bool | None],
    deadline: Limit,
    *,
    what: str,
    every: float = 0.1,
    hint: str = "",
    silent: bool = False,
) -> T:
    """Call `probe` until it returns something true, and return that.

    `probe` raises when what is awaited cannot come any more; that error ends the wait at once.
    Raises `DeadlineError` naming `what`. Says what is awaited at least every 4 seconds, unless it
    is to be `silent`: where nobody waits for it.
    """
    reported = time.monotonic()
    while True:
        found = probe()
        if found:
            return found  # type: ignore[return-value]  # only the false kinds of T | bool | None are excluded
        if deadline.passed:
            raise DeadlineError(f"waited {deadline.seconds:.0f} s for {what}, in vain", hint=hint)
        now = time.monotonic()
        if now - reported >= _TELL_EVERY and not silent:
            reported = now
            progress(f"waiting for {what} ({deadline.seconds - deadline.remaining:.0f} of {deadline.seconds:.0f} s)")
        time.sleep(min(every, deadline.remaining))
