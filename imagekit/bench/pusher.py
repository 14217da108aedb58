"""A process that pushes one image and tells its memory: ``python -m imagekit.bench.pusher LAYOUT DIGEST HOST:PORT``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from imagekit.base import process
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.transfer import push_image

REPOSITORY = "imagekit/bench"
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # proc(5)


def push_and_tell(layout: Path, digest: Digest, address: str) -> dict[str, int]:
    """Push without a tag; bytes sent, resident bytes before, their peak while pushing, milliseconds."""
    with Registry(address) as client:
        client.ping()
        reset_peak()
        idle = resident("VmRSS")
        begun = process.now()
        pushed = push_image(layout, digest, Reference(address, REPOSITORY), client)
        milliseconds = round(1000 * (process.now() - begun))
    return {"sent": pushed.sent_bytes, "idle": idle, "peak": resident("VmHWM"), "milliseconds": milliseconds}


def reset_peak() -> None:
    """Let the kernel measure the largest resident set anew."""
    _CLEAR.write_text(_RESET_PEAK)


def resident(field: str) -> int:
    """Bytes of a field of /proc/self/status."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    reported = push_and_tell(Path(sys.argv[1]), Digest(sys.argv[2]), sys.argv[3])
    sys.stdout.write(json.dumps(reported) + "\n")
