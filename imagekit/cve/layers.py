"""Which layer of an image brought each package."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from imagekit.artifact.packagelist import packages_of_dpkg
from imagekit.base.errors import ImagekitError
from imagekit.oci.layout import Layer, layers, unpacked
from imagekit.oci.reference import Digest
from imagekit.oci.tarstream import Source, entries

_STATUS = "var/lib/dpkg/status"
_MOST = 64 << 20


def layers_of_packages(layout: Path, manifest: Digest, names: Mapping[str, str]) -> dict[str, str]:
    """Package to layer, for packages of dpkg: the last layer in which its version changed.

    `names` gives a layer's name by its digest; one without is the distribution's. Nothing for other databases. Raises
    `ImageContentError`.
    """
    found: dict[str, str] = {}
    known: dict[str, str] = {}
    for layer in layers(layout, manifest):
        status = _status(layout, layer)
        if status is None:
            continue
        now = _versions(status)
        name = names.get(str(layer.digest), "distribution")
        found = {each: found[each] if known.get(each) == version else name for each, version in now.items()}
        known = now
    return found


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
