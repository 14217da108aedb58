"""Progress on stderr: steps with a name, a depth and a duration; results go to stdout elsewhere.

Modules call ``logging.getLogger(__name__)`` and `step`; only the CLI sets handlers and levels.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

logger = logging.getLogger("imagekit")
_depth: ContextVar[int] = ContextVar("step_depth", default=0)
_of: ContextVar[str] = ContextVar("step_of", default="")


@dataclass(slots=True)
class Step:
    """A running or finished step; `seconds` is wall time, set at the end.

    Work that came to its end with a no for an answer sets `failed`: it is not reported with a tick.
    """

    name: str
    depth: int
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    note: str = ""
    failed: bool = False


@contextmanager
def step(name: str) -> Iterator[Step]:
    """Log the start and the end of a piece of work; `Step.note` set inside is shown at its end."""
    depth = _depth.get()
    token = _depth.set(depth + 1)
    current = Step(name, depth)
    logger.info("%s", name, extra={"step": "start", "depth": depth, "opened": id(current)})
    try:
        yield current
    except BaseException:
        _ended(current, name, "failed")
        raise
    else:
        detail = f"{name}: {current.note}" if current.note else name
        _ended(current, detail, "failed" if current.failed else "done")
    finally:
        _depth.reset(token)


def _ended(current: Step, text: str, kind: str) -> None:
    """`opened` tells which of the steps that go on ended: several threads have some."""
    current.seconds = time.monotonic() - current.started
    extra = {"step": kind, "depth": current.depth, "seconds": current.seconds, "opened": id(current)}
    logger.info("%s", text, extra=extra)


@contextmanager
def lines_of(what: str) -> Iterator[None]:
    """Begin each line of `progress` and `trouble` with what it is about, where several things go on side by side."""
    token = _of.set(f"{what}: ")
    try:
        yield
    finally:
        _of.reset(token)


def progress(text: str) -> None:
    """Say what is being waited for right now; on a terminal it replaces the earlier text of the step."""
    logger.info("%s%s", _of.get(), text, extra={"step": "progress", "depth": _depth.get()})


def note(text: str) -> None:
    """Say something that stands, where `progress` is passed over or replaced by the next."""
    logger.info("%s%s", _of.get(), text)


def trouble(text: str, *, blocks: bool = True) -> None:
    """Say at once that something did not pass, whole; without `blocks` it is a warning and changes no verdict."""
    logger.info("%s%s", _of.get(), text, extra={"step": "trouble" if blocks else "caution", "depth": _depth.get()})


def bar(name: str, done: int, total: int, text: str) -> None:
    """Report how far one named part (a layer) has come; `text` says what it is doing."""
    extra = {"step": "bar", "depth": _depth.get(), "bar": name, "done": done, "total": total}
    logger.info("%s", text, extra=extra)
