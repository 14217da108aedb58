"""Signals that reach the main thread, whichever thread of the process the kernel gave them to."""

from __future__ import annotations

import os
import signal
import threading

# Nobody sends it to imagekit, and a process that does not ask for it never notices it (signal(7)).
_NUDGE = signal.SIGURG
_EVERY = 0.1


def hear_always() -> None:
    """From now on the main thread hears at once of each signal that has a handler in Python.

    Python runs handlers in the main thread alone (https://docs.python.org/3/library/signal.html), and does so when
    that thread runs next. The kernel gives a signal to the process: a thread that starts a program or another thread
    right then may take it, and a main thread that waits for a lock or a thread goes on waiting (measured on two
    processors: one Ctrl-C of twenty, while two threads started programs). So whoever took it, the main thread gets one
    of its own, which nobody else can take. To be called in the main thread, once.
    """
    came, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    heard = threading.Event()
    signal.signal(_NUDGE, lambda *_: heard.set())
    threading.Thread(target=_nudge, args=(came, heard), name="imagekit signals", daemon=True).start()


def _nudge(came: int, heard: threading.Event) -> None:
    """For each signal that came nudge the main thread until it has run its handlers."""
    main = threading.main_thread()
    while number := os.read(came, 1):
        if number[0] == _NUDGE:
            continue
        heard.clear()
        while main.is_alive() and main.ident is not None:
            signal.pthread_kill(main.ident, _NUDGE)
            if heard.wait(_EVERY):
                break
