"""Use a daemon together with others: start it when nobody has, release it when nobody needs it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from imagekit.base.filelock import try_lock, unlock
from imagekit.base.log import step
from imagekit.base.process import alive, detached
from imagekit.base.reason import summary
from imagekit.base.waiting import Deadline, wait_until
from imagekit.services.busy import busy
from imagekit.services.model import Daemon, DaemonRecord, ServiceError

Probe = Callable[[], bool]
_STOP_SECONDS = 30.0


@contextmanager
def leased(daemon: Daemon, answers: Probe) -> Iterator[None]:
    """Hold the daemon for the time of the block; it runs and answers when the block begins.

    Raises `ServiceError` with the end of its log when it dies, `DeadlineError` when it never answers.
    """
    with daemon.lease.open("a+b") as lease:
        with _locked(daemon):
            _share(daemon, lease)
            if not running(daemon):
                _start(daemon, answers)
            elif not answers():
                wait_until(answers, Deadline.after(daemon.time_limit), what=f"the running {daemon.name} to answer")
        try:
            yield
        finally:
            _release(daemon, lease)


def keep(daemon: Daemon, answers: Probe) -> None:
    """Start the daemon and leave it running until `drop`."""
    daemon.keep.touch()
    try:
        with leased(daemon, answers):
            pass
    except BaseException:
        daemon.keep.unlink(missing_ok=True)
        raise


def drop(daemon: Daemon) -> bool:
    """End what `keep` began; False when other users still hold the daemon, so that it goes on until they end."""
    daemon.keep.unlink(missing_ok=True)
    with daemon.lease.open("a+b") as lease:
        _release(daemon, lease)
    return not running(daemon)


def running(daemon: Daemon) -> bool:
    """Whether a daemon of ours runs under its guard."""
    record = DaemonRecord.read(daemon.record)
    return (
        record is not None
        and record.ended is None
        and alive(record.guard, started=record.guard_started)
        and alive(record.pid, started=record.started)
    )


def _lingers(daemon: Daemon) -> bool:
    """Whether the daemon still runs, or its guard still clears up after it."""
    record = DaemonRecord.read(daemon.record)
    if record is None or record.ended is not None:
        return False
    return alive(record.pid, started=record.started) or alive(record.guard, started=record.guard_started)


def _start(daemon: Daemon, answers: Probe) -> None:
    with step(f"Starting {daemon.name}"):
        clear(daemon)
        daemon.make_runtime()
        if daemon.log.exists():
            daemon.log.replace(daemon.log.with_suffix(".log.1"))
        daemon.log.parent.mkdir(parents=True, exist_ok=True)
        detached(
            [sys.executable, "-m", "imagekit.services.guard", daemon.to_json()],
            log=daemon.state / f"{daemon.name}.guard.log",
        )
        wait_until(
            lambda: _came_up(daemon) and answers(),
            Deadline.after(daemon.time_limit),
            what=f"{daemon.name} to answer",
            hint=f"Its log: {daemon.log}\n{tail(daemon.log)}",
        )


def _came_up(daemon: Daemon) -> bool:
    record = DaemonRecord.read(daemon.record)
    if record is None:
        return False
    if record.ended is not None:
        raise ServiceError(
            f"{daemon.name} ended with status {record.ended} right after its start",
            hint=f"{tail(daemon.log)}\nThe whole log: {daemon.log}",
        )
    return True


def clear(daemon: Daemon) -> None:
    """Remove what a killed run left: a daemon without its guard, its record, sockets and pid files."""
    record = DaemonRecord.read(daemon.record)
    if record is not None and alive(record.pid, started=record.started):
        os.kill(record.pid, signal.SIGTERM)
        wait_until(
            lambda: not alive(record.pid, started=record.started),
            Deadline.after(_STOP_SECONDS),
            what=f"{daemon.name} of a killed run (process {record.pid}) to end",
        )
    daemon.record.unlink(missing_ok=True)
    daemon.remove_leftovers()


def tail(log: Path) -> str:
    """The lines of a log that say why, and its last ones; empty when there is none."""
    try:
        return summary(log.read_text("utf-8", "replace"))
    except FileNotFoundError:
        return ""


@contextmanager
def _locked(daemon: Daemon) -> Iterator[None]:
    with daemon.lock.open("a+b") as lock:
        wait_until(
            lambda: try_lock(lock),
            Deadline.after(daemon.time_limit + _STOP_SECONDS),
            what=f"another imagekit that is starting {daemon.name}",
        )
        yield


def _share(daemon: Daemon, lease: IO[bytes]) -> None:
    wait_until(
        lambda: try_lock(lease, shared=True),
        Deadline.after(_STOP_SECONDS),
        what=f"an earlier {daemon.name} to stop",
    )


def _release(daemon: Daemon, lease: IO[bytes]) -> None:
    unlock(lease)
    if daemon.keep.exists():
        return
    wait_until(
        lambda: not _lingers(daemon) or _others(lease) or busy(daemon.busy),
        Deadline.after(_STOP_SECONDS),
        what=f"{daemon.name} to stop",
        hint=f"Its log: {daemon.log}",
    )


def _others(lease: IO[bytes]) -> bool:
    """Whether other users share the lease: then it can be had shared, but not alone."""
    if try_lock(lease):
        unlock(lease)
        return False
    if try_lock(lease, shared=True):
        unlock(lease)
        return True
    return False
