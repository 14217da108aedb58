"""Everything that goes to a child process and comes from it, in one thread, until it has ended.

`Popen.wait(timeout)` asks again and again whether the child has ended, and sleeps in between; here the kernel says so
(pidfd_open(2), Linux 5.3). A program that takes 3 ms, as most runs of git do, costs half as much this way.
"""

from __future__ import annotations

import os
import selectors
import subprocess  # noqa: TID251 - the type of a child; base/process.py starts it
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from typing import IO

_CHUNK = 1 << 16
_LOOK_EVERY = 0.02  # seconds, where the kernel cannot say that a child has ended
# A grandchild may hold a pipe open after the child ended; its later words are not ours.
_AFTERWARDS = 2.0


class FloodError(Exception):
    """A child wrote more than it may."""


class Sink:
    """What a stream brought, `most` bytes of it; each line goes to `on_line` as it comes."""

    def __init__(
        self, stream: IO[bytes] | None, on_line: Callable[[str], None] | None = None, most: int | None = None
    ) -> None:
        self.stream = stream
        self._left = most
        self._on_line = on_line
        self._chunks: list[bytes] = []
        self._begun = b""  # of a line that has not ended

    def take(self, chunk: bytes) -> None:
        """The next bytes; none at the end of the stream. Raises `FloodError` for what is too much."""
        if self._left is not None:
            self._left -= len(chunk)
            if self._left < 0:
                raise FloodError
        self._chunks.append(chunk)
        if self._on_line is None:
            return
        *lines, self._begun = (self._begun + chunk).split(b"\n")
        if not chunk and self._begun:
            lines, self._begun = [self._begun], b""
        for line in lines:
            self._on_line(line.decode("utf-8", "replace"))

    @property
    def raw(self) -> bytes:
        """Everything so far."""
        return b"".join(self._chunks)

    @property
    def text(self) -> str:
        """Everything so far, decoded leniently."""
        return self.raw.decode("utf-8", "replace")


def exchange(child: subprocess.Popen[bytes], words: bytes, sinks: Iterable[Sink], timeout: float) -> int:
    """Write `words` to a child, read its streams into `sinks` until it has ended, and return its status.

    `timeout` is in wall seconds; raises `subprocess.TimeoutExpired` when it passes, `FloodError` when a sink takes no
    more, and leaves the child as it is.
    A child that does not read what it is given is no error: its status says why.
    """
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        ended = _end_of(child, stack)
        if ended is not None:
            selector.register(ended, selectors.EVENT_READ)
        for sink in sinks:
            if sink.stream is not None:
                selector.register(sink.stream, selectors.EVENT_READ, sink)
        if child.stdin is not None:
            os.set_blocking(child.stdin.fileno(), False)
            selector.register(child.stdin, selectors.EVENT_WRITE, memoryview(words))
        _until_the_end(child, selector, ended, timeout)
    return child.returncode


def _until_the_end(
    child: subprocess.Popen[bytes], selector: selectors.BaseSelector, ended: int | None, timeout: float
) -> None:
    until = time.monotonic() + timeout
    while selector.get_map():
        left = until - time.monotonic()
        if left <= 0 and child.returncode is None:
            raise subprocess.TimeoutExpired(child.args, timeout)
        if left <= 0:
            return
        asleep = left if ended is not None or child.returncode is not None else min(left, _LOOK_EVERY)
        for key, _ in selector.select(asleep):
            _step(selector, key)
        if child.returncode is None and child.poll() is not None:
            until = time.monotonic() + _AFTERWARDS
            if ended is not None:
                selector.unregister(ended)
    # Every stream is closed, and the child goes on.
    child.wait(max(0.0, until - time.monotonic()))


def _step(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    if isinstance(key.data, Sink):
        chunk = os.read(key.fd, _CHUNK)
        key.data.take(chunk)
        if not chunk:
            selector.unregister(key.fileobj)
    elif isinstance(key.data, memoryview):
        _feed(selector, key)


def _feed(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    """Write as much as the pipe takes; it is closed when all is written or nobody reads."""
    left = key.data
    try:
        left = left[os.write(key.fd, left[:_CHUNK]) :] if left else left
    except BlockingIOError:
        return
    except BrokenPipeError:
        left = left[:0]
    if left:
        selector.modify(key.fileobj, selectors.EVENT_WRITE, left)
        return
    selector.unregister(key.fileobj)
    with suppress(BrokenPipeError):
        key.fileobj.close()  # type: ignore[union-attr]  # a stream of the child, registered above


def _end_of(child: subprocess.Popen[bytes], stack: ExitStack) -> int | None:
    """A descriptor that can be read when the child has ended; None where the kernel has no such thing."""
    try:
        found = os.pidfd_open(child.pid)
    except OSError:
        return None
    stack.callback(os.close, found)
    return found


class Drain:
    """Reads one stream to its end in a thread, so that a full pipe never blocks the child."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._sink = Sink(stream)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for chunk in self._sink.stream or ():
            self._sink.take(chunk)

    def text(self) -> str:
        """What was read; a moment is given to what is still under way."""
        # A grandchild may hold the pipe open after the child ended; its later words are not ours.
        self._thread.join(timeout=2.0)
        return self._sink.text
