"""What a second push sends after a change of the top layer, and how much memory a large push takes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from imagekit.base import process
from imagekit.base.log import step
from imagekit.bench.madelayout import MadeImage, large_blob, made_image
from imagekit.bench.model import Bound, Goal, Row
from imagekit.bench.subject import BenchSubject
from imagekit.machine.ports import reserved_port
from imagekit.oci.reference import Digest
from imagekit.services.registry import registry

GIB = 1 << 30
_TOP = 1 << 20
_TIMEOUT = 1800.0
_MEMORY = Goal(limit=64.0, bound=Bound.VALUE)
_SENT = Goal(limit=1.0)


def measure(bench: BenchSubject) -> list[Row]:
    """Two images that share a layer of 1 GiB, pushed to a registry of their own, each by a process of its own."""
    layout = bench.scratch / "oci"
    with reserved_port() as port:
        address = f"127.0.0.1:{port}"
    with step("Making two images that share a layer of 1 GiB"):
        bottom = large_blob(layout, GIB)
        first, second = (made_image(layout, bottom, seed, _TOP) for seed in (1, 2))
    with registry(bench.scratch / "work", address):
        once, again = (pushed(layout, image.manifest, address) for image in (first, second))
    return rows_of(once, again, second)


def rows_of(once: dict[str, int], again: dict[str, int], second: MadeImage) -> list[Row]:
    """Bytes of the second push against its new blobs; memory of the first above the idle process."""
    return [
        Row(
            name="second push, bytes",
            measured=again["sent"],
            unit="B",
            against="new top layer and its config",
            reference=second.new_bytes,
            goal=_SENT,
            note=f"the first push sent {once['sent']} B",
        ),
        Row(
            name="push of 1 GiB, memory above idle",
            measured=(once["peak"] - once["idle"]) / 1e6,
            unit="MB",
            against="idle process",
            reference=once["idle"] / 1e6,
            goal=_MEMORY,
            note="largest resident set while pushing, minus the one with everything imported and connected",
        ),
        Row(name="push of 1 GiB", measured=once["milliseconds"] / 1000, unit="s"),
    ]


def pushed(layout: Path, manifest: Digest, address: str) -> dict[str, int]:
    """Push by a fresh process and return its counts; see `imagekit.bench.pusher.push_and_tell`."""
    with step(f"Pushing {manifest.short}"):
        argv: list[str | Path] = [sys.executable, "-m", "imagekit.bench.pusher", layout, str(manifest), address]
        reported = process.run(argv, timeout=_TIMEOUT).stdout
    counts: dict[str, int] = json.loads(reported)
    return counts
