"""How often a machine started, as its console tells: the boot loader's greeting and the kernel's first line."""

from __future__ import annotations

import re
from pathlib import Path

from imagekit.base import process

_EVENTS = re.compile(
    rb"(?P<loader>Welcome to GRUB!)"
    rb"|(?P<menu>GNU GRUB +version)"
    rb"|(?P<kernel>\[ +0\.000000\] Linux version \d)"
    rb"|\[ *(?P<init>\d+\.\d+)\] Run \S+ as init process"
)
_LONGEST_EVENT = 120
_CHUNK = 1 << 20


class Starts:
    """Follows one console log over all boots of a machine; times are those of this process's clock.

    A start is GRUB's greeting, or a kernel that no greeting came before. `loader_at`, `kernel_at`, `init_at` and
    `init_uptime` (the kernel's own clock when it started init) belong to the latest start; None when not seen.
    """

    def __init__(self, log: Path) -> None:
        self.count = 0
        self.menu = False
        self.loader_at: float | None = None
        self.kernel_at: float | None = None
        self.init_at: float | None = None
        self.init_uptime: float | None = None
        self._log = log
        self._at = 0
        self._rest = b""

    def poll(self) -> int:
        """Read what came since, and return how many starts there were so far."""
        while data := self._read():
            self._take(self._rest + data)
        return self.count

    def _read(self) -> bytes:
        with self._log.open("rb") as stream:
            stream.seek(self._at)
            data = stream.read(_CHUNK)
        self._at += len(data)
        return data

    def _take(self, text: bytes) -> None:
        done, now = 0, process.now()
        for event in _EVENTS.finditer(text):
            done = event.end()
            match event.lastgroup:
                case "loader":
                    self._begin(now)
                    self.loader_at = now
                case "menu":
                    self.menu = self.kernel_at is None
                case "kernel":
                    if self.loader_at is None or self.kernel_at is not None:
                        self._begin(now)
                    self.kernel_at, self.menu = now, False
                case "init":
                    self.init_at, self.init_uptime = now, float(event["init"])
        self._rest = text[max(done, len(text) - _LONGEST_EVENT) :]

    def _begin(self, now: float) -> None:
        self.count += 1
        self.menu = False
        self.loader_at = self.kernel_at = self.init_at = self.init_uptime = None
