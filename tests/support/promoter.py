"""A promotion for a process of its own (see `tests.support.forked`)."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imagekit.base import git, process
from imagekit.base.errors import ImagekitError
from imagekit.base.process import Completed
from imagekit.oci.reference import Digest
from imagekit.registry.client import Registry
from imagekit.release.channel.promote import promote
from tests.support.registry import RegistrySimulator
from tests.support.releasefixture import IMAGE, ReleaseFixture

WRITES = {"read-tree", "hash-object", "update-index", "write-tree", "commit-tree", "update-ref", "checkout"}


def main(address: str, digest: str, root: Path, kill_at: int) -> str:
    """Promote and return one line: what happened and how many steps it took.

    A step is a request, or a run of git that writes. It kills itself (signal 9) before step `kill_at`, counted from 0.
    `root`/work is the checkout of the ledger, `root`/locks the lock folder of this host.
    """
    counter = itertools.count()
    taken = [0]

    def observe(_method: str, _path: str) -> None:
        taken[0] = next(counter)
        if taken[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def run(argv: Sequence[str], **options: Any) -> Completed:
        if WRITES.intersection(argv):
            observe("git", argv[0])
        return process.run(argv, **options)

    vars(git)["run"] = run  # for good: this process ends with the promotion

    class RealReleaseFixture(ReleaseFixture):
        @contextmanager
        def registry(self, address: str) -> Iterator[Registry]:
            with Registry(address, observe=observe) as client:
                yield client

    fixture = RealReleaseFixture(root, RegistrySimulator(address=address))
    try:
        moved = promote(fixture.context(), fixture.source(Digest(digest)), "dev", image=IMAGE)
    except ImagekitError as error:
        return f"{type(error).__name__} {taken[0] + 1} {error}"
    return f"{'already' if moved.signed is None else 'promoted'} {taken[0] + 1} {moved.pointer.digest}"
