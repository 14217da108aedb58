"""From an image to its root file system, against a plain copy and checksum of the same bytes."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagekit.artifact.live import live_artifacts
from imagekit.artifact.programs import find
from imagekit.bench.cost import Cost, cost, cost_of
from imagekit.bench.hashing import Hasher, fastest_hasher
from imagekit.bench.model import Goal, Row, median, median_pair
from imagekit.bench.subject import BenchSubject
from imagekit.build.result import Build

_ROUNDS = 3
_TIMEOUT = 900.0
_GOAL = Goal(limit=1.5)
_STEP = "Writing the root file system"  # the step of imagekit.artifact.live


def measure(bench: BenchSubject) -> list[Row]:
    """Median pairs of three rounds, one after the other; beside them one mksquashfs as it comes, of the same tree."""
    hasher = fastest_hasher(bench.scratch)
    plain = f"cp + {hasher.name} of the same bytes"
    image, harness = bench.build(), bench.project.root / "vm-harness"
    live_artifacts(image.layout, image.digest, bench.scratch / "warm", harness=harness)  # blobs into the page cache
    rounds = [_round(image, harness, bench.scratch / f"round-{number}", hasher) for number in range(_ROUNDS)]
    rootfs = bench.scratch / "warm" / image.digest.hex / "rootfs.squashfs"
    default = _default(rootfs, bench.scratch)
    writing, whole, copying = (list(column) for column in zip(*rounds, strict=True))
    rootfs_pair = median_pair(zip(writing, (each.seconds for each in copying), strict=True))
    whole_pair = median_pair((own.seconds, copied.seconds) for own, copied in zip(whole, copying, strict=True))
    size = f"{rootfs.stat().st_size >> 20} MiB"
    return [
        Row(
            name="image to rootfs.squashfs",
            measured=rootfs_pair[0],
            unit="s",
            against=plain,
            reference=rootfs_pair[1],
            goal=_GOAL,
            note=size,
        ),
        Row(
            name="image to all that boots",
            measured=whole_pair[0],
            unit="s",
            against=plain,
            reference=whole_pair[1],
        ),
        Row(
            name="image to all that boots, CPU",
            measured=median(each.cpu_seconds for each in whole),
            unit="CPU s",
            against="mksquashfs as it comes",
            reference=default.cpu_seconds,
        ),
        Row(
            name="mksquashfs as it comes",
            measured=default.seconds,
            unit="s",
            against=plain,
            reference=median(each.seconds for each in copying),
        ),
    ]


@contextmanager
def step_seconds(name: str) -> Iterator[list[float]]:
    """Collect how long steps of that name took, from the steps that `imagekit.base.log` tells."""
    found: list[float] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if getattr(record, "step", "") == "done" and record.getMessage().startswith(name):
                found.append(float(getattr(record, "seconds", 0.0)))

    logger, listener = logging.getLogger("imagekit"), Listener()
    logger.addHandler(listener)
    try:
        yield found
    finally:
        logger.removeHandler(listener)


def _round(image: Build, harness: Path, folder: Path, hasher: Hasher) -> tuple[float, Cost, Cost]:
    """Seconds of writing the root file system, cost of everything that boots, cost of the plain copy."""
    with step_seconds(_STEP) as writing, cost() as whole:
        made = live_artifacts(image.layout, image.digest, folder, harness=harness)
    copy = folder / "copy"
    copying = cost_of(["cp", made.rootfs, copy], timeout=_TIMEOUT)
    hashing = hasher.cost(copy)
    shutil.rmtree(folder)
    return writing[0], whole, Cost(copying.seconds + hashing.seconds, copying.cpu_seconds + hashing.cpu_seconds)


def _default(rootfs: Path, scratch: Path) -> Cost:
    tree = scratch / "tree"
    unsquash, mksquash = find("unsquashfs", "squashfs-tools"), find("mksquashfs", "squashfs-tools")
    cost_of([unsquash, "-no-progress", "-quiet", "-dest", tree, rootfs], timeout=_TIMEOUT)
    return cost_of([mksquash, tree, scratch / "default", "-no-progress", "-quiet"], timeout=_TIMEOUT)
