"""How long a registry is waited for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Tries, and limits in seconds.

    `longest_wish` is how long a registry may ask us to wait before the next try (Retry-After).
    `connect` is for a connection; `silence` for a pause without a byte; `answer` for the whole head of an answer, from
    the last byte of the request on, and for the whole of a small answer; a blob comes or is given up at an average of
    less than `slowest` bytes a second, `answer` on top.
    """

    attempts: int = 6
    first_pause: float = 0.25
    longest_pause: float = 5.0
    longest_wish: float = 300.0
    connect: float = 30.0
    silence: float = 60.0
    answer: float = 120.0
    slowest: int = 64 << 10

    def blob(self, size: int) -> float:
        """Seconds for a blob of `size` bytes, all tries together."""
        return self.answer * self.attempts + size / self.slowest
