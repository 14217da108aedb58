"""A promotion in a process of its own: `ADDRESS DIGEST FOLDER [KILL_AT]` promotes and tells.

With KILL_AT it kills itself (signal 9) before that request, counted from 0. FOLDER/work is the checkout of the ledger,
FOLDER/locks the lock folder of this host.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagekit.channel.promote import promote
from imagekit.errors import ImagekitError
from imagekit.oci import Digest
from imagekit.publish.registry import Registry
from tests.support.desk import IMAGE, Office
from tests.support.registry import RegistrySimulator


def main(address: str, digest: str, root: Path, kill_at: int) -> str:
    """Promote and return one line: what happened and how many requests it took."""
    counter = itertools.count()
    taken = [0]

    def observe(_method: str, _path: str) -> None:
        taken[0] = next(counter)
        if taken[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    class RealOffice(Office):
        @contextmanager
        def registry(self, address: str) -> Iterator[Registry]:
            with Registry(address, observe=observe) as client:
                yield client

    office = RealOffice(root, RegistrySimulator(address=address))
    try:
        moved = promote(office.desk(), office.source(Digest(digest)), "dev", image=IMAGE)
    except ImagekitError as error:
        return f"{type(error).__name__} {taken[0] + 1} {error}"
    return f"{'already' if moved.signed is None else 'promoted'} {taken[0] + 1} {moved.pointer.digest}"


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int([*sys.argv, "-1"][4])) + "\n")
