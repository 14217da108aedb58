"""A run whose publish failed, and the same command again: what passed is kept, and nothing boots."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from imagekit.base import process
from imagekit.base.errors import ToolError
from imagekit.bench.clone import Ran, cloned, run_in, share_base
from imagekit.bench.model import Bound, Goal, Row
from imagekit.bench.subject import BenchSubject, program
from imagekit.config.load import load_project
from imagekit.report.result import StageStatus
from imagekit.services.dockerd import engine

_SHARE = Goal(limit=0.03)
_NONE = Goal(limit=0, bound=Bound.VALUE)
_TIMEOUT = 3600.0


def measure(bench: BenchSubject) -> list[Row]:
    """Wall seconds of both runs in a clone whose image is built; in the first one the registry's port is taken."""
    with (
        engine(bench.project.work) as running,
        cloned(bench.project, bench.scratch / "clone") as clone,
    ):
        env = {"DOCKER_HOST": running.host}
        share_base(bench.project, clone)
        process.run([program(), "--quiet", "--project", clone, "build", bench.name], timeout=_TIMEOUT, env=env)
        with port_taken(load_project(clone).registry):
            failed = run_in(clone, "run", bench.name, env=env, ok=(1, 3))
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


@contextmanager
def port_taken(address: str) -> Iterator[None]:
    """Somebody else's program at an address, which hangs up on everybody."""
    host, _, port = address.rpartition(":")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True

    with Server((host, int(port)), socketserver.BaseRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
