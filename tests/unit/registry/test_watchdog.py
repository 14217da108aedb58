"""One thread keeps every limit of time: what is due is done once, what is cancelled never."""

from __future__ import annotations

import os
import threading

import pytest

from imagekit.registry.watchdog import Watchdog


def test_what_is_due_is_done_in_the_order_of_times() -> None:
    done: list[str] = []
    ended = threading.Event()
    watchdog = Watchdog()
    watchdog.after(0.03, ended.set)
    watchdog.after(0.02, lambda: done.append("second"))
    watchdog.after(0.01, lambda: done.append("first"))  # earlier than what the thread waits for
    assert ended.wait(5)
    assert done == ["first", "second"]


def test_what_is_cancelled_is_never_done() -> None:
    done: list[str] = []
    ended = threading.Event()
    watchdog = Watchdog()
    watchdog.after(0.01, lambda: done.append("cancelled")).cancel()
    watchdog.after(0.02, ended.set)
    assert ended.wait(5)
    assert done == []


def test_a_thousand_limits_are_one_thread() -> None:
    before = threading.active_count()
    watchdog = Watchdog()
    watches = [watchdog.after(60, lambda: None) for _ in range(1000)]
    assert threading.active_count() <= before + 1
    for watch in watches:
        watch.cancel()
    ended = threading.Event()
    watchdog.after(0.01, ended.set)
    assert ended.wait(5)


def test_a_fork_gets_a_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    watchdog = Watchdog()
    late = threading.Event()
    watchdog.after(0.05, late.set)
    here = os.getpid()
    monkeypatch.setattr("imagekit.registry.watchdog.os.getpid", lambda: here + 1)
    ended = threading.Event()
    watchdog.after(0.01, ended.set)
    assert ended.wait(5)
