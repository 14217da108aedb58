"""The times of the files in a built image, none of which may be of the day of the build."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path

from imagekit.oci.layout import Layer, layers, unpacked
from imagekit.oci.reference import Digest
from imagekit.oci.tarstream import Source, entries

_KEPT = "times.json"


def late_files(layout: Path, image: Digest, epoch: int, *, own: int, known: Collection[str] = ()) -> tuple[str, ...]:
    """Files with a time after `epoch` (seconds since 1970) in the topmost `own` layers of an image, one of each layer.

    The layers below are a base image's, which BuildKit takes as they are. Digests that are `known` are not read.
    """
    found = layers(layout, image)
    read = [layer for layer in found[max(0, len(found) - own) :] if str(layer.digest) not in known]
    return tuple(path for layer in read if (path := next(_late(layout, layer, epoch), "")))


def keep_times(folder: Path, layout: Path, image: Digest, epoch: int) -> None:
    """Write down beside a build that none of its layers has a file with a time after `epoch`."""
    digests = [str(layer.digest) for layer in layers(layout, image)]
    (folder / _KEPT).write_text(json.dumps({"epoch": epoch, "layers": digests}), encoding="utf-8")


def known_layers(builds: Path, epoch: int) -> frozenset[str]:
    """The digests of layers that were read for a build of this folder, and have no file after `epoch`."""
    found = set[str]()
    for path in builds.glob(f"*/{_KEPT}"):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["epoch"] <= epoch:
                found.update(data["layers"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # taken away or cut: its layers are read again
    return frozenset(found)


def _late(layout: Path, layer: Layer, epoch: int) -> Iterator[str]:
    with closing(unpacked(layout, layer)) as chunks:
        source = Source(chunks)
        for entry in entries(source):
            if entry.mtime > epoch:
                yield entry.path
            source.copy(entry.padded, _nowhere)


def _nowhere(_: bytes | memoryview) -> None:
    return
