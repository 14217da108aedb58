"""Progress on stderr: steps as they start and end, bars for layers, and never more than a few seconds of silence."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from imagekit.base.text import redacted
from imagekit.cli.screen import shown

if TYPE_CHECKING:
    from imagekit.cli.living import Living

_SILENCE = 4.0  # seconds after which the current step is named again
_BARS_EVERY = 2.0
_WIDTH = 80
_PROGRESS_EVERY = 2.0
_RED, _YELLOW = "bold red", "yellow"


class ProgressHandler(logging.Handler):
    """Prints steps. On a terminal the last line is alive; elsewhere every line stands."""

    def __init__(self) -> None:
        super().__init__()
        self._quiet = False
        self._alive = sys.stderr.isatty()
        self._colour = self._alive and not os.environ.get("NO_COLOR")  # https://no-color.org
        self._spoke = self._bars_at = time.monotonic()
        self._open: dict[int, tuple[str, float]] = {}  # in the order of their starts; several threads have some
        self._bars: dict[str, tuple[int, int, str]] = {}
        self._latest = ""
        self._now = ""
        self._living: Living | None = None
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def be_quiet(self) -> None:
        """Show warnings and errors alone from now on."""
        self._still()
        self._quiet, self._alive = True, False

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        if self._quiet and record.levelno < logging.WARNING:
            return
        self._start()
        kind = getattr(record, "step", "")
        depth = getattr(record, "depth", len(self._open))
        text = " ".join(shown(redacted(record.getMessage())).splitlines())
        match kind:
            case "start":
                self._open[record.__dict__["opened"]] = (text, time.monotonic())
                self._now = ""
                if depth == 0:
                    self._line(f"▸ {text}")
                self._live()
            case "done" | "failed":
                self._open.pop(record.__dict__["opened"], None)
                self._close_step(kind, depth, text, float(getattr(record, "seconds", 0.0)))
            case "bar":
                self._latest = shown(str(record.__dict__["bar"]))
                self._bars[self._latest] = (record.__dict__["done"], record.__dict__["total"], text)
                self._tell_bars()
            case "progress":
                self._now = text
                if not self._alive and time.monotonic() - self._spoke >= _PROGRESS_EVERY:
                    self._line("  " * depth + f"… {text}")
            case "trouble" | "caution":
                mark, code = ("✗", _RED) if kind == "trouble" else ("!", _YELLOW)
                self._line("  " * depth + f"{mark} {text}", code)
            case _:
                prefix = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
                self._line("  " * depth + prefix + text)

    def close(self) -> None:
        """Stop the heartbeat and clear the living lines."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self.lock or threading.RLock():
            self._still()
        super().close()

    def _close_step(self, kind: str, depth: int, text: str, seconds: float) -> None:
        if not self._open:
            self._still()
        self._now = ""
        self._bars.clear()
        line = "  " * depth + f"{'✓' if kind == 'done' else '✗'} {text}  {_seconds(seconds)}"
        self._line(line, "" if kind == "done" else _RED)

    def _tell_bars(self) -> None:
        if self._alive:
            return
        now = time.monotonic()
        if now - self._bars_at >= _BARS_EVERY:
            self._bars_at = now
            self._line("  " * len(self._open) + self._last_bar())

    def _line(self, text: str, style: str = "") -> None:
        if self._alive:
            self._terminal().say(text, style if self._colour else "")
        else:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
        self._spoke = time.monotonic()

    def _terminal(self) -> Living:
        if self._living is None:
            from imagekit.cli.living import Living

            self._living = Living(self._lines)
        return self._living

    def _live(self) -> None:
        if self._alive:
            self._terminal().begin()

    def _still(self) -> None:
        if self._living is not None:
            self._living.end()

    def _start(self) -> None:
        if self._thread is None and not self._quiet and not self._alive:
            self._end.clear()
            self._thread = threading.Thread(target=self._beat, daemon=True)
            self._thread.start()

    def _beat(self) -> None:
        while not self._end.wait(0.5):
            with self.lock or threading.RLock():
                if self._open and time.monotonic() - self._spoke >= _SILENCE:
                    self._line("  " * len(self._open) + f"… {self._waiting()}")

    def _waiting(self) -> str:
        """What is going on, for a line when nothing else was said for a while."""
        name, since = list(self._open.values())[-1]
        doing = f"; {self._last_bar()}" if self._bars else ""
        return f"{name}: {_seconds(time.monotonic() - since)} so far{doing}"

    def _last_bar(self) -> str:
        done, total, text = self._bars[self._latest]
        return f"{self._latest} {done}/{total} {text[:_WIDTH]}"

    def _lines(self) -> list[str]:
        """What goes on, for the living end of a terminal; asked for from a thread."""
        if not self._open:
            return []
        name, since = list(self._open.values())[-1]
        bars = [_bar(each, *state) for each, state in list(self._bars.items())]
        return [*bars, f"  … {self._now or name}  {_seconds(time.monotonic() - since)}"]


def _bar(name: str, done: int, total: int, text: str) -> str:
    filled = round(12 * done / max(total, 1))
    return f"  {name:<12} {'█' * filled}{'░' * (12 - filled)} {done}/{total} {text}"


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 60 else f"{int(value) // 60} min {int(value) % 60:02d} s"
