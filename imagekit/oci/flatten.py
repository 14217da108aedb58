"""An image's layers merged into one tar stream, without unpacking them and without privilege.

The layers are read from the top down, each once: what an upper layer has, replaced or removed hides what lies below.
Headers and data that stay are passed on byte by byte. Rules of whiteouts and opaque directories:
https://github.com/opencontainers/image-spec/blob/main/layer.md#representing-changes
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from imagekit.oci.errors import ImageContentError
from imagekit.oci.layout import Layer, layers, unpacked
from imagekit.oci.limits import Allowance
from imagekit.oci.reference import Digest
from imagekit.oci.tarstream import BLOCK, Entry, Sink, Source, entries

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
# With these systemd takes a machine for a container and ignores its kernel command line.
_DROPPED = frozenset({".dockerenv", "run/.containerenv"})
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
    writer = _Writer(sink)
    found = layers(layout, manifest)
    merge = _Merge(writer.write, Allowance(manifest, found))
    for layer in reversed(found):
        _one_layer(layout, layer, merge)
    merge.make_folders(folders or {})
    writer.write(bytes(2 * BLOCK))
    writer.flush()
    return writer.total


def _one_layer(layout: Path, layer: Layer, merge: _Merge) -> None:
    with closing(unpacked(layout, layer)) as chunks, merge.layer() as sheet:
        source = Source(merge.allowance.measured(chunks, layer))
        for entry in entries(source):
            merge.allowance.take(entry.path, entry.link)
            sheet.take(entry, source)


@dataclass(slots=True)
class _Hidden:
    """What the layers above have decided: paths that are there, paths removed, folders without their lower content."""

    taken: dict[str, bool] = field(default_factory=dict)  # path -> whether it is a directory
    gone: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)

    def hides(self, path: str) -> bool:
        """Whether an entry of a lower layer at `path` must not appear."""
        if path in self.taken or path in self.gone or not path:
            return True
        at = path.rfind("/")
        while at > 0:
            parent = path[:at]
            if parent in self.opaque or parent in self.gone or self.taken.get(parent) is False:
                return True
            at = path.rfind("/", 0, at)
        return "" in self.opaque


@dataclass(slots=True)
class _Kept:
    """A hidden file set aside: where its data is in the spool, and every hidden name it has."""

    entry: Entry
    at: int
    names: list[str]


class _Merge:
    def __init__(self, write: Sink, allowance: Allowance) -> None:
        self.write = write
        self.allowance = allowance
        self.above = _Hidden()
        self.root_done = False

    def layer(self) -> _Sheet:
        return _Sheet(self)

    def make_folders(self, asked: Mapping[str, int]) -> None:
        """Folders that no layer names, root's: those `asked` for, and the parents of what is there (0755)."""
        taken, missing = self.above.taken, set[str]()
        lacking = [path for path in asked if path not in taken and taken.get(_parent(path)) is not False]
        for each in (*taken, *(f"{path}/" for path in lacking)):
            path = _parent(each)
            while path and path not in missing and not taken.get(path):
                if path in taken:
                    raise ImageContentError(
                        f"a layer puts files into /{path[:200]}, which is no folder in another layer",
                        hint="Build the image so that each layer names the real path.",
                    )
                self.allowance.take(path)
                missing.add(path)
                path = _parent(path)
        for path in sorted(missing):
            self.write(_folder(path, asked.get(path, 0o755) if path in lacking else 0o755))


class _Sheet:
    """One layer on its way into the merge; its own removals count only for the layers below."""

    def __init__(self, merge: _Merge) -> None:
        self._merge = merge
        self._own = _Hidden()
        self._moved: dict[str, str] = {}  # hidden link target -> the visible name that carries its data
        self._spool = tempfile.SpooledTemporaryFile(max_size=16 << 20)  # noqa: SIM115 - closed in __exit__
        self._spooled: dict[str, _Kept] = {}

    def __enter__(self) -> _Sheet:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()
        above = self._merge.above
        above.taken.update(self._own.taken)
        above.gone |= self._own.gone
        above.opaque |= self._own.opaque

    def take(self, entry: Entry, source: Source) -> None:
        """Pass the entry on, keep it aside, or drop it; reads its data in any case."""
        folder, _, name = entry.path.rpartition("/")
        if name.startswith(_WHITEOUT):
            self._whiteout(folder, name)
            source.copy(entry.padded, _nowhere)
        elif not entry.path:
            self._root(entry)
        elif entry.path in self._own.taken:
            self._again(entry)
        elif entry.path in _DROPPED or self._merge.above.hides(entry.path):
            self._keep_aside(entry, source)
        elif entry.kind == b"1":
            self._link(entry)
        else:
            self._pass(entry, source)

    def _whiteout(self, folder: str, name: str) -> None:
        if name == _OPAQUE:
            self._own.opaque.add(folder)
        elif not name.startswith(".wh..wh."):  # the others are AUFS's bookkeeping
            self._own.gone.add(f"{folder}/{name[len(_WHITEOUT) :]}".lstrip("/"))

    def _root(self, entry: Entry) -> None:
        if not self._merge.root_done:
            self._merge.write(entry.raw)
            self._merge.root_done = True

    def _again(self, entry: Entry) -> None:
        if not (entry.is_directory and self._own.taken[entry.path]):
            raise ImageContentError(f"a layer holds the path {entry.path[:200]!r} twice")

    def _pass(self, entry: Entry, source: Source) -> None:
        self._own.taken[entry.path] = entry.is_directory
        self._merge.write(entry.raw)
        source.copy(entry.padded, self._merge.write)

    def _keep_aside(self, entry: Entry, source: Source) -> None:
        # A later hard link of this layer may still show the data of a file that an upper layer hides.
        at = self._spool.seek(0, 2)
        source.copy(entry.padded, self._spool.write)
        if entry.kind == b"0":
            self._spooled[entry.path] = _Kept(entry, at, [entry.path])
        elif entry.kind == b"1":
            self._keep_link_aside(entry)

    def _keep_link_aside(self, entry: Entry) -> None:
        kept = self._spooled.get(entry.link)
        if kept is not None:
            self._spooled[entry.path] = kept
            kept.names.append(entry.path)
        # Data that is shown already is linked to and never written again, or a few links would fill any disk.
        shown = entry.link if entry.link in self._own.taken else self._moved.get(entry.link)
        if shown is not None:
            self._moved[entry.path] = shown

    def _link(self, entry: Entry) -> None:
        target = self._moved.get(entry.link, entry.link)
        if self._own.taken.get(target) is False:
            self._own.taken[entry.path] = False
            self._merge.write(entry.raw if target == entry.link else _renamed(entry.raw, link=target))
        elif target in self._spooled:
            self._show(entry.path, target)
        else:
            raise ImageContentError(f"hard link {entry.path[:200]!r} names {entry.link[:200]!r}, not in its layer")

    def _show(self, path: str, target: str) -> None:
        kept = self._spooled[target]
        self._own.taken[path] = False
        self._moved.update(dict.fromkeys(kept.names, path))
        self._merge.write(_renamed(kept.entry.raw, path=path))
        self._spool.seek(kept.at)
        left = kept.entry.padded
        while left:
            piece = self._spool.read(min(left, _BUFFER))
            self._merge.write(piece)
            left -= len(piece)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _folder(path: str, mode: int) -> bytes:
    made = tarfile.TarInfo(path)
    made.type, made.mode = tarfile.DIRTYPE, mode
    return made.tobuf(tarfile.PAX_FORMAT, errors="surrogateescape")


def _renamed(raw: bytes, *, path: str | None = None, link: str | None = None) -> bytes:
    """Header blocks with another path or link target: a pax header that overrides what follows it."""
    pairs = [(b"path", path), (b"linkpath", link)]
    records = b"".join(_record(key, value) for key, value in pairs if value is not None)
    at = 0
    main = raw[-BLOCK:]
    while at < len(raw) - BLOCK:  # keep what an earlier pax header says besides (extended attributes, sizes)
        size = int(raw[at + 124 : at + 135].strip(b" \0") or b"0", 8)
        if raw[at + 156 : at + 157] == b"x":
            records = _without(raw[at + BLOCK : at + BLOCK + size], (b"path", b"linkpath")) + records
        at += BLOCK + -(-size // BLOCK) * BLOCK
    head = bytearray(main)
    head[0:100] = b"pax".ljust(100, b"\0")
    head[124:136] = b"%011o\0" % len(records)
    head[156:157] = b"x"
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + records.ljust(-(-len(records) // BLOCK) * BLOCK, b"\0") + main


def _record(key: bytes, value: str) -> bytes:
    body = b" " + key + b"=" + value.encode("utf-8", "surrogateescape") + b"\n"
    length = len(body) + 1
    while length != len(body) + len(str(length)):
        length = len(body) + len(str(length))
    return str(length).encode() + body


def _without(records: bytes, keys: tuple[bytes, ...]) -> bytes:
    kept, at = b"", 0
    while at < len(records):
        space = records.index(b" ", at)
        length = int(records[at:space])
        if records[space + 1 : at + length].partition(b"=")[0] not in keys:
            kept += records[at : at + length]
        at += length
    return kept


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
