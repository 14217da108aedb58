"""The static inventory of an image, against reading its bytes; and the comparison of two inventories."""

from __future__ import annotations

import hashlib

from imagekit.bench.cost import cost
from imagekit.bench.model import Bound, Goal, Row, median_pair
from imagekit.bench.subject import BenchSubject
from imagekit.build.result import Build
from imagekit.inventory.compare import compare
from imagekit.inventory.take import keep, read_kept, take
from imagekit.oci.layout import layers, unpacked

_ROUNDS = 3
_RATIO = Goal(limit=2.0)
_SECOND = Goal(limit=1.0, bound=Bound.VALUE)


def measure(bench: BenchSubject) -> list[Row]:
    """CPU seconds, the median pair of three rounds; the blobs are in the page cache."""
    image = bench.build()
    rounds = [(_reading(image), _taking(image)) for _ in range(_ROUNDS)]
    taking, reading = median_pair((taking, reading) for reading, taking in rounds)
    inventory = take(image.layout, image.digest)[1]
    kept = bench.scratch / "inventory.json"
    keep(inventory, kept)
    with cost() as comparing:
        read = read_kept(kept, image.digest)
        assert read is not None
        compare(inventory, read)
    return [
        Row(
            name="static inventory, CPU",
            measured=taking,
            unit="CPU s",
            against="unpacking and hashing the layers",
            reference=reading,
            goal=_RATIO,
            note=f"{len(inventory.files)} files",
        ),
        Row(name="two inventories read and compared", measured=comparing.seconds, unit="s", goal=_SECOND),
    ]


def _reading(image: Build) -> float:
    with cost() as reading:
        for layer in layers(image.layout, image.digest):
            state = hashlib.sha256()
            for chunk in unpacked(image.layout, layer):
                state.update(chunk)
    return reading.cpu_seconds


def _taking(image: Build) -> float:
    with cost() as taking:
        take(image.layout, image.digest)
    return taking.cpu_seconds
