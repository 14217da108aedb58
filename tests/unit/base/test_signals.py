"""Signals: the main thread hears of them whichever thread they came to, and whatever it waits for."""

from __future__ import annotations

import sys

import pytest

from imagekit.base.process import run

# The kernel gives the signal to another thread, as it may (`imagekit.base.signals`); the main one waits for ever.
_PROGRAM = """
import queue, signal, subprocess, sys, threading, time
from imagekit.cli.edge import _interrupt_on_termination

def take():
    for number in numbers:
        signal.pthread_kill(threading.get_ident(), number)
        time.sleep(0.3)

numbers = [signal.Signals[name] for name in sys.argv[2:]]
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may ignore it, under nohup that
signal.signal(signal.SIGHUP, signal.SIG_DFL)
_interrupt_on_termination()
lock, program = threading.Lock(), subprocess.Popen(["sleep", "60"])
lock.acquire()
waits = {
    "lock": lock.acquire,
    "event": threading.Event().wait,
    "queue": queue.SimpleQueue().get,
    "program": program.wait,
    "sleep": lambda: time.sleep(60),
}
threading.Timer(0.2, take).start()
try:
    for number in numbers:
        try:
            waits[sys.argv[1]]()
        except KeyboardInterrupt:
            print("heard", flush=True)
finally:
    program.kill()
    program.wait()
"""


def _heard(wait: str, *signals: str) -> int:
    argv = [sys.executable, "-c", _PROGRAM, wait, *signals]
    return run(argv, timeout=30).stdout.split().count("heard")


@pytest.mark.parametrize("wait", ["lock", "event", "queue", "program", "sleep"])
def test_a_signal_that_another_thread_took_is_heard(wait: str) -> None:
    assert _heard(wait, "SIGINT") == 1


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_each_signal_that_ends_a_command_is(name: str) -> None:
    assert _heard("event", name) == 1


def test_the_second_is_as_the_first() -> None:
    assert _heard("event", "SIGINT", "SIGTERM", "SIGINT") == 3
