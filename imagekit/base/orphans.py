"""Processes whose parents have ended, where the first process of the machine or container does not look after them.

A daemon's own programs (QEMU, containers) lose their parent when they go into the background. Until somebody asks for
the status of one that has ended, its process id stays taken, and whoever waits for its end by that id, as libvirt does,
waits on. systemd asks at once; the first process of a container may do so once a second, or never.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

_SET_CHILD_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2), since Linux 3.4


def adopt_orphans() -> bool:
    """Be the parent of all that this process's children start and leave behind; False where the kernel says no."""
    return bool(ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def let_go(own: int) -> None:
    """Ask for the status of every adopted process that has ended.

    Not of `own`: whoever started it does that, and until then those that ended after it have to wait.
    """
    with suppress(ChildProcessError):  # there are no children
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if ended.si_pid == own:
                return
            os.waitpid(ended.si_pid, os.WNOHANG)
