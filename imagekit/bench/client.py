"""A process that does what `imagekit.bench.clients` times of ours, and tells seconds and memory as JSON.

``python -m imagekit.bench.client HOST:PORT NAME LAYOUT DIGEST LAYOUT DIGEST FOLDER`` pushes, copies and pulls;
``python -m imagekit.bench.client HOST:PORT NAME DIGEST`` verifies the content of what the first form pushed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from imagekit.base import process
from imagekit.bench.pusher import reset_peak, resident
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.pull import pull_image
from imagekit.registry.transfer import copy_image, push_image
from imagekit.trust.verify import verify_content


def move(address: str, name: str, layouts: list[Path], digests: list[Digest], into: Path) -> dict[str, object]:
    """First push, push of another top layer, the same again, copy, pull."""
    here, there = Reference(address, f"{name}/bench"), Reference(address, f"{name}/copy")
    with Registry(address) as client:
        client.ping()
        reset_peak()
        idle = resident("VmRSS")
        seconds = [
            _timed(lambda: push_image(layouts[0], digests[0], here, client)),
            _timed(lambda: push_image(layouts[1], digests[1], here, client)),
            _timed(lambda: push_image(layouts[1], digests[1], here, client)),
            _timed(lambda: copy_image(here, digests[1], there, client, client)),
            _timed(lambda: pull_image(client, here.repository, digests[1], into)),
        ]
    return {"seconds": seconds, "idle": idle, "peak": resident("VmHWM")}


def verify(address: str, name: str, digest: Digest) -> dict[str, object]:
    """Hash everything that the first push left."""
    with Registry(address) as client:
        client.ping()
        return {"seconds": [_timed(lambda: verify_content(client, f"{name}/bench", digest))]}


def _timed(work: Callable[[], object]) -> float:
    begun = process.now()
    work()
    return process.now() - begun


def main(arguments: list[str]) -> dict[str, object]:
    """One of the two forms."""
    address, name, *rest = arguments
    if len(rest) == 1:
        return verify(address, name, Digest(rest[0]))
    layouts, digests = [Path(rest[0]), Path(rest[2])], [Digest(rest[1]), Digest(rest[3])]
    return move(address, name, layouts, digests, Path(rest[4]))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1:])) + "\n")
