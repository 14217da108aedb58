"""The process that owns one daemon: it ends the daemon when nobody holds the lease any more, however users ended.

What the daemon puts into the background becomes its child.

Started as ``python -m imagekit.services.guard JSON``; see `imagekit.services.lease`.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from types import FrameType
from typing import IO, NoReturn

from imagekit.base.filelock import try_lock, unlock
from imagekit.base.orphans import adopt_orphans, let_go
from imagekit.base.process import background, start_time
from imagekit.base.waiting import Deadline, wait_until
from imagekit.services.busy import busy
from imagekit.services.model import Daemon, DaemonRecord

_FOREVER = 10 * 365 * 86400.0
_LOOK_EVERY = 0.1


class _ToldToStop(Exception):  # noqa: N818 - not an error: TERM came
    """Somebody wants the daemon to end now."""


def main(text: str) -> int:
    """Run the daemon until nobody needs it; return its exit status, 0 when it was stopped by us."""
    daemon = Daemon.from_json(text)
    signal.signal(signal.SIGTERM, _stop)
    adopt_orphans()
    with daemon.lease.open("a+b") as lease:
        record, status = _guard(daemon, lease)
        daemon.remove_leftovers()
        daemon.remove_runtime()
        # The record goes last: whoever waits for the end looks at it.
        if status is None:
            daemon.record.unlink(missing_ok=True)
        else:
            replace(record, ended=status).write(daemon.record)
    return status or 0


def _guard(daemon: Daemon, lease: IO[bytes]) -> tuple[DaemonRecord, int | None]:
    me = os.getpid()
    with background(daemon.argv, log=daemon.log, env=daemon.environment) as child, suppress(_ToldToStop):
        record = DaemonRecord(guard=me, guard_started=start_time(me), pid=child.pid, started=start_time(child.pid))
        record.write(daemon.record)

        def over() -> bool:
            let_go(child.pid)
            return child.poll() is not None or _unneeded(daemon, lease)

        wait_until(
            over,
            Deadline.after(_FOREVER),
            what=f"the last user of {daemon.name}",
            every=_LOOK_EVERY,
        )
        return record, child.poll()
    return record, None


def _unneeded(daemon: Daemon, lease: IO[bytes]) -> bool:
    """Whether nobody needs the daemon; then the lease stays held alone, so that the next user waits for the end."""
    if daemon.keep.exists() or not try_lock(lease):
        return False
    if daemon.keep.exists() or busy(daemon.busy):
        unlock(lease)
        return False
    return True


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise _ToldToStop


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
