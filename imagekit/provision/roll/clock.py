"""The clock of this machine."""

from __future__ import annotations

import threading
from datetime import UTC, datetime


class SystemClock:
    """Time as this machine has it."""

    def __init__(self) -> None:
        self._never = threading.Event()

    def now(self) -> datetime:
        """This moment, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait; a signal ends the wait at once."""
        self._never.wait(seconds)
