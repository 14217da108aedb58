"""What kairos-agent makes of an image that it takes from a registry, where that is not what containerd makes of it.

Kairos 4.2 unpacks with go-containerregistry 0.21.9 (pkg/v1/mutate, `extractLayer`): from the top layer down, the first
that comes of a path counts, and a link whose target climbs above the root is left out. So an upgrade can leave another
file than a disk that was written from the same image.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path

from imagekit.oci.flatten import members_of, read_tree
from imagekit.oci.reference import Digest
from imagekit.oci.rootfs import WHITEOUT, Where
from imagekit.oci.tarsource import Source
from imagekit.oci.tarstream import FOLDER, HARD_LINK, SYMLINK, TarMember

_OPAQUE = ".wh..wh..opq"
_MOST = 20
_Placed = tuple[Where, TarMember]


def agent_differences(layout: Path, manifest: Digest) -> tuple[str, ...]:
    """A line for each path that ends differently, twenty at most; none for an image that is the same either way."""
    read: list[_Placed] = []

    def take(where: Where, entry: TarMember, source: Source) -> None:
        read.append((where, entry))
        source.copy(entry.padded, lambda _: None)

    tree = read_tree(layout, manifest, take)
    expected = {entry.path: where for entry, where in members_of(tree) if entry.kind != FOLDER}
    return tuple(_told(expected, read))[:_MOST]


def _told(expected: dict[str, Where], read: list[_Placed]) -> Iterator[str]:
    found: dict[str, Where] = {}
    for where, entry in _emitted(read):
        if entry.kind != HARD_LINK:
            found[entry.path] = where
        elif entry.link in found:
            found[entry.path] = found[entry.link]
        else:
            yield f"/{entry.path} is a hard link to /{entry.link}, which a later layer removes: the upgrade fails"
    for path, where in expected.items():
        if path not in found:
            yield f"/{path} is left out"
        elif found[path].layer != where.layer:
            yield f"/{path} is another file, of layer {found[path].layer + 1} and not of layer {where.layer + 1}"
        elif found[path] != where:
            yield f"/{path} is the first that layer {where.layer + 1} has of it, and not the last"


def _emitted(read: list[_Placed]) -> Iterator[_Placed]:
    """What is written, in this order; folders only hide and are not told."""
    hides: dict[str, bool] = {}  # path: whether it hides what is below in lower layers
    opaque: set[str] = set()
    for number in sorted({where.layer for where, _ in read}, reverse=True):
        fresh = set()
        for where, entry in (each for each in read if each[0].layer == number):
            folder, _, name = entry.path.rpartition("/")
            if entry.kind in (SYMLINK, HARD_LINK) and _climbs(entry):
                continue
            if name == _OPAQUE:
                fresh.add(folder)
                continue
            gone = name.startswith(WHITEOUT)
            path = posixpath.join(folder, name.removeprefix(WHITEOUT))
            if (path in hides and not gone) or any(hides.get(each) or each in opaque for each in _above(path)):
                continue
            hides[path] = gone or entry.kind != FOLDER
            if not gone and entry.kind != FOLDER:
                yield where, entry
        opaque |= fresh


def _climbs(entry: TarMember) -> bool:
    if entry.kind == HARD_LINK or entry.link.startswith("/"):
        return False
    return posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.link)).startswith("..")


def _above(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path
