"""A run whose publish failed, and the same command again: what passed is kept, and nothing boots."""

from __future__ import annotations

import socketserver
import threading
from contextlib import ExitStack
from typing import Self

from imagekit.base import process
from imagekit.base.errors import ToolError
from imagekit.bench.clone import Ran, clone_at_engine, run_in
from imagekit.bench.model import Bound, Goal, Row
from imagekit.bench.subject import BenchSubject, program
from imagekit.config.load import load_project
from imagekit.report.result import StageStatus

_SHARE = Goal(limit=0.03)
_NONE = Goal(limit=0, bound=Bound.VALUE)
_TIMEOUT = 3600.0
_AFTER_BUILD = "Proof that all"  # how the stage after the build begins, whose line stands


def measure(bench: BenchSubject) -> list[Row]:
    """Wall seconds of both runs in a clone whose image is built; its port is taken while the first one tests."""
    with clone_at_engine(bench.project, bench.scratch / "clone") as (clone, env):
        process.run([program(), "--quiet", "--project", clone, "build", bench.name], timeout=_TIMEOUT, env=env)
        with Squatter(load_project(clone).registry) as squatter:
            failed = run_in(clone, "run", bench.name, env=env, ok=(1, 3), on_line=squatter.heard)
        return rows_of(failed, run_in(clone, "run", bench.name, env=env, ok=(0,)))


def rows_of(failed: Ran, again: Ran) -> list[Row]:
    """The second run against the first one; raises `ToolError` when they are not what is to be compared."""
    failure, release = failed.result.failure, again.result.release
    if failure is None or failure.stage != "publish":
        raise ToolError(f"the first run was to fail at publish: {failure.stage if failure else 'it did not fail'}")
    if release is None or release.digest != failed.result.digest:
        raise ToolError("the second run did not publish what the first one tested")
    booted = [
        row.name for row in again.result.stages if row.name.startswith("boot ") and row.status is StageStatus.DONE
    ]
    return [
        Row(
            name="run again after a failed publish",
            measured=again.seconds,
            unit="s",
            against="the run whose publish failed",
            reference=failed.seconds,
            goal=_SHARE,
            note=f"the first one: {failure.error}",
        ),
        Row(name="machines that it started", measured=len(booted), unit="machines", goal=_NONE),
    ]


class Squatter:
    """Somebody else's program that takes an address while a run is under way, and hangs up on everybody.

    A port that is taken before is refused before anything is built, so it waits for the stage that follows the build.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._stack = ExitStack()
        self.there = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def heard(self, line: str) -> None:
        """A line of the run's."""
        if _AFTER_BUILD in line and not self.there:
            self.come()

    def come(self) -> None:
        """Take the address until the end of the block."""
        host, _, port = self._address.rpartition(":")
        server = self._stack.enter_context(_Server((host, int(port)), socketserver.BaseRequestHandler))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(server.shutdown)
        self.there = True


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
