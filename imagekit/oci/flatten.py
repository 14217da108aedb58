"""An image's layers merged into one tar stream, without unpacking them and without privilege.

The layers are read twice: first to learn what each path ends as (`imagekit.oci.rootfs`), then for the data of the files
that stay. What is written is canonical: folders first, headers of our own making, each path once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import IO

from imagekit.oci.errors import ImageContentError
from imagekit.oci.layout import Layer, layers, unpacked
from imagekit.oci.limits import Allowance
from imagekit.oci.reference import Digest
from imagekit.oci.rootfs import Inode, Tree, Where
from imagekit.oci.tarheader import header
from imagekit.oci.tarstream import BLOCK, HARD_LINK, REGULAR, Source, TarMember, entries

Take = Callable[[Where, TarMember, Source], None]
_log = logging.getLogger(__name__)
# With these systemd takes a machine for a container and ignores its kernel command line.
_DROPPED = (".dockerenv", "run/.containerenv")
_BUFFER = 1 << 20
# What Kairos makes in every image file and medium that it writes (`CreateDirStructure` of agent and ISO builder), with
# its modes. An image need not have them, and without /oem immucore stops and leaves a bare read-only root.
NODE_FOLDERS: Mapping[str, int] = {
    **dict.fromkeys(("run", "dev", "boot", "usr/local", "oem"), 0o755),
    **dict.fromkeys(("proc", "sys"), 0o555),
    "tmp": 0o1777,
}


def flatten(layout: Path, manifest: Digest, sink: IO[bytes], *, folders: Mapping[str, int] | None = None) -> int:
    """Write the image's root file system as one tar to `sink`; returns the bytes written.

    `folders` (path to mode) are made where the image has nothing of that name; `NODE_FOLDERS` for what is booted.
    Raises `ImageContentError` when any blob differs from its digest or a layer holds hostile or damaged entries;
    what was written until then must be thrown away.
    """
    found = layers(layout, manifest)
    tree = _applied(layout, manifest, found, folders or {}, _skipped)
    writer = _Writer(sink)
    data, rest = _without_data(tree, writer)
    for number, layer in enumerate(found):
        _files_of(layout, layer, number, data, Allowance(manifest, found), writer)
    if data:
        raise ImageContentError(f"image {manifest} changed while it was read")
    for entry in rest:
        writer.write(header(entry))
    writer.write(bytes(2 * BLOCK))
    writer.flush()
    return writer.total


def read_tree(layout: Path, manifest: Digest, take: Take) -> Tree:
    """The tree that an image's layers make, in one reading of them.

    `take` gets every entry of every layer with where it stands, and must read the `padded` bytes of its data. What it
    was given must not be kept before this returns: raises `ImageContentError` as `flatten`.
    """
    return _applied(layout, manifest, layers(layout, manifest), {}, take)


def members_of(tree: Tree) -> Iterator[tuple[TarMember, Where]]:
    """What a tree ends as, each path once, as `flatten` writes it: a file before its further names, which are links."""
    shown: dict[Inode, str] = {}
    links: list[tuple[TarMember, Where]] = []
    for path, node in tree.walk():
        inode = node.inode
        if not node.is_folder and inode.entry.kind == REGULAR and inode in shown:
            links.append((replace(inode.entry, path=path, kind=HARD_LINK, link=shown[inode], size=0), inode.where))
        else:
            shown.setdefault(inode, path)
            yield replace(inode.entry, path=path), inode.where
    yield from links


def _skipped(_where: Where, entry: TarMember, source: Source) -> None:
    source.copy(entry.padded, _nowhere)


def _applied(layout: Path, manifest: Digest, found: tuple[Layer, ...], folders: Mapping[str, int], take: Take) -> Tree:
    """The tree that all layers make; nothing has been written when one of them is refused."""
    tree, allowance = Tree(), Allowance(manifest, found)
    for number, layer in enumerate(found):
        tree.begin(number)
        for count, (entry, source) in enumerate(_read(layout, layer, allowance)):
            allowance.take(entry.path, entry.link, zeros=entry.holes)
            tree.apply(entry, count)
            take(Where(number, count), entry, source)
    for path in _DROPPED:
        tree.remove(path)
    for path, mode in folders.items():
        tree.make_folder(path, mode)
    if tree.acls:
        _log.warning("%d files of the image have POSIX ACLs, which no node keeps: squashfs cannot hold them", tree.acls)
    return tree


def _read(layout: Path, layer: Layer, allowance: Allowance) -> Iterator[tuple[TarMember, Source]]:
    with closing(unpacked(layout, layer)) as chunks:
        source = Source(allowance.measured(chunks, layer))
        for entry in entries(source):
            yield entry, source


def _without_data(tree: Tree, writer: _Writer) -> tuple[dict[Where, TarMember], list[TarMember]]:
    """Write the folders; returns the files with data by where it is, and what is written after those."""
    data: dict[Where, TarMember] = {}
    rest: list[TarMember] = []
    links: list[TarMember] = []
    shown: dict[Inode, str] = {}
    for path, node in tree.walk():
        inode = node.inode
        entry = replace(inode.entry, path=path)
        if node.is_folder:
            writer.write(header(entry))
        elif entry.kind == REGULAR and inode in shown:
            # What the header of a link says of its file is what the file's own says.
            links.append(replace(entry, kind=HARD_LINK, link=shown[inode], size=0, xattrs={}))
        elif entry.size:
            data[inode.where] = entry
            shown[inode] = path
        else:
            rest.append(entry)
            shown[inode] = path
    return data, rest + links


def _files_of(
    layout: Path, layer: Layer, number: int, data: dict[Where, TarMember], allowance: Allowance, writer: _Writer
) -> None:
    """Write the files whose data is in one layer, in its order, and take them out of `data`."""
    if not any(where.layer == number for where in data):
        return
    for count, (entry, source) in enumerate(_read(layout, layer, allowance)):
        wanted = data.pop(Where(number, count), None)
        if wanted is None or wanted.size != entry.size:
            source.copy(entry.padded, _nowhere)
            continue
        writer.write(header(wanted))
        source.copy(entry.size, writer.write)
        writer.write(bytes(entry.padded - entry.size))
        source.copy(entry.padded - entry.size, _nowhere)


def _nowhere(_: bytes | memoryview) -> None:
    return


class _Writer:
    """Gathers small pieces, so that a pipe gets them in large ones."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink = sink
        self._buffer = bytearray()
        self.total = 0

    def write(self, piece: bytes | memoryview) -> None:
        self.total += len(piece)
        if len(piece) >= _BUFFER // 4:
            self.flush()
            self._sink.write(piece)
            return
        self._buffer += piece
        if len(self._buffer) >= _BUFFER:
            self.flush()

    def flush(self) -> None:
        if self._buffer:
            self._sink.write(self._buffer)
            self._buffer = bytearray()
