"""Which layer of an image brought each package."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from imagekit.artifact.packagelist import packages_of_dpkg
from imagekit.base.errors import ImagekitError
from imagekit.oci.layout import Layer, layers, unpacked
from imagekit.oci.reference import Digest
from imagekit.oci.tarstream import Source, entries

_STATUS = "var/lib/dpkg/status"
_MOST = 64 << 20


class Row(NamedTuple):
    """A layer of the project as it was built: its topmost blob, and the packed bytes of all its blobs."""

    name: str
    digest: str
    size: int


def layers_of_packages(layout: Path, manifest: Digest, rows: Sequence[Row]) -> dict[str, str]:
    """Package to layer, for packages of dpkg: the last layer in which its version changed.

    `rows` are the project's layers from the bottom; without any, or where they do not fit, every layer is unknown and
    has no name. Nothing for other databases. Raises `ImageContentError`.
    """
    blobs = layers(layout, manifest)
    names = _names([(str(each.digest), each.size) for each in blobs], rows)
    found: dict[str, str] = {}
    known: dict[str, str] = {}
    for layer, name in zip(blobs, names, strict=True):
        status = _status(layout, layer)
        if status is None:
            continue
        now = _versions(status)
        found = {each: found[each] if known.get(each) == version else name for each, version in now.items()}
        known = now
    return found


def _names(blobs: Sequence[tuple[str, int]], rows: Sequence[Row]) -> list[str]:
    """The layer of each blob: a layer's blobs are its topmost and those below it, down to the one of the layer below.

    Of the lowest layer only the size tells where the distribution begins.
    """
    names = [""] * len(blobs)
    places = [next((at for at, (digest, _) in enumerate(blobs) if digest == row.digest), -1) for row in rows]
    if not rows or -1 in places or places != sorted(places):
        return names
    for row, place in zip(rows, places, strict=True):
        left, at = row.size, place
        while at >= 0 and not names[at] and left > 0:
            names[at], left = row.name, left - blobs[at][1]
            at -= 1
        if left != 0:
            return [""] * len(blobs)
    return [name or "distribution" for name in names]


def _versions(status: str) -> dict[str, str]:
    try:
        return {each.name: each.version for each in packages_of_dpkg(status)}
    except ImagekitError:  # a layer may leave an empty database behind
        return {}


def _status(layout: Path, layer: Layer) -> str | None:
    """The dpkg database that a layer holds; the whole blob is read, so that its digest is proven."""
    kept: bytes | None = None
    with closing(unpacked(layout, layer)) as chunks:
        source = Source(chunks)
        for entry in entries(source):
            if entry.path == _STATUS and entry.size <= _MOST:
                kept = source.read(entry.padded)[: entry.size]
            else:
                source.copy(entry.padded, _nowhere)
    return None if kept is None else kept.decode("utf-8", "replace")


def _nowhere(_: bytes | memoryview) -> None:
    """Data that nobody wants."""
