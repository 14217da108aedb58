"""Which layer of an image took a path away that a layer below it had brought, or wrote it last."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from imagekit.oci.layout import layers, unpacked
from imagekit.oci.reference import Digest
from imagekit.oci.rootfs import WHITEOUT
from imagekit.oci.tarstream import Source, entries


def whiteouts(layout: Path, manifest: Digest) -> tuple[tuple[Digest, frozenset[str]], ...]:
    """For each layer blob, lowest first, the paths that it removes (whiteouts of the image specification).

    https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts
    """
    found = []
    for layer in layers(layout, manifest):
        with closing(unpacked(layout, layer)) as chunks:
            source, gone = Source(chunks), set[str]()
            for entry in entries(source):
                folder, _, name = entry.path.rpartition("/")
                if name.startswith(WHITEOUT):
                    gone.add(f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/"))
                source.copy(entry.padded, lambda _: None)
        found.append((layer.digest, frozenset(gone)))
    return tuple(found)


def writer(layout: Path, manifest: Digest, path: str) -> Digest | None:
    """The topmost blob that has this path (without leading slash)."""
    found = None
    for layer in layers(layout, manifest):
        with closing(unpacked(layout, layer)) as chunks:
            source = Source(chunks)
            for entry in entries(source):
                if entry.path.lstrip("/").removeprefix("./") == path:
                    found = layer.digest
                source.copy(entry.padded, lambda _: None)
    return found


def remover(removed: tuple[tuple[Digest, frozenset[str]], ...], paths: frozenset[str]) -> Digest | None:
    """The topmost blob that removes one of these paths, or a folder of one."""
    folders = frozenset(parent for path in paths for parent in _with_parents(path))
    return next((digest for digest, gone in reversed(removed) if gone & folders), None)


def names_of_blobs(order: tuple[Digest, ...], tops: Mapping[str, str]) -> dict[Digest, str]:
    """Which project layer each blob belongs to; `tops` maps the digest of a layer's topmost blob to its name."""
    names: dict[Digest, str] = {}
    name = ""
    for digest in reversed(order):
        name = tops.get(str(digest), name)
        names[digest] = name
    return names


def _with_parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]
