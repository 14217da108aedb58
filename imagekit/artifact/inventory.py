"""What a finished image holds: every path, and the text of the few files that say what is installed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import dirname, join, normpath

from imagekit.oci.errors import ImageContentError
from imagekit.oci.flatten import flatten, members_of, read_tree
from imagekit.oci.reference import Digest
from imagekit.oci.rootfs import Where
from imagekit.oci.tarstream import Source, TarMember

KEPT = re.compile(
    r"var/lib/dpkg/status|(usr/)?lib/sysimage/rpm/rpmdb\.sqlite|var/lib/rpm/rpmdb\.sqlite"
    r"|etc/(kairos-release|os-release|cos/bootargs\.cfg)|usr/lib/os-release"
    r"|etc/ssl/certs/ca-certificates\.crt|etc/pki/ca-trust/extracted/pem/tls-ca-bundle\.pem"
    r"|system/oem/36_imagekit_state\.yaml"
    r"|(usr/)?lib/modules/[^/]+/modules\.(dep|builtin)"
    r"|boot/initrd"
)
_KINDS = {b"0": "f", b"1": "f", b"2": "l", b"3": "c", b"4": "b", b"5": "d", b"6": "p"}
_EMPTY = hashlib.sha256(b"").hexdigest()
_MOST_KEPT = 512 << 20  # held in memory; the package database of a large RHEL image has 100 MB
_MAX_LINKS = 40  # as the kernel's own limit, path_resolution(7)
Watch = Callable[[TarMember, str], None]


@dataclass(frozen=True, slots=True)
class ImageMember:
    """A member of the image: kind as in find(1) -printf %y (f, l, d, c, b, p), permission bits, size in bytes."""

    kind: str
    mode: int
    size: int


@dataclass(slots=True)
class Inventory:
    """Paths (without leading slash) with what they are, the target of symbolic links, and kept contents."""

    links: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, ImageMember] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    kept: int = 0

    @property
    def paths(self) -> Collection[str]:
        """Every path of the image."""
        return self.nodes.keys()

    def resolve(self, path: str) -> str | None:
        """The path that `path` leads to inside the image, all links followed; None when it leads nowhere."""
        parts, done, budget = _parts(path), "", _MAX_LINKS
        while parts:
            here = join(done, parts.pop(0))
            target = self.links.get(here)
            if target is None:
                done = here
                continue
            budget -= 1
            if not budget:
                return None
            parts = _parts(normpath(join("/", dirname(here), target))) + parts
            done = ""
        return done if done in self.nodes else None

    def data(self, path: str) -> bytes:
        """The kept content of a file; empty when the image has no such file."""
        return self.contents.get(self.resolve(path) or "", b"")

    def text(self, path: str) -> str:
        """The kept content of a file as text; empty when the image has no such file."""
        return self.data(path).decode("utf-8", "replace")

    def matching(self, pattern: str) -> Iterator[tuple[str, str]]:
        """Kept files whose path matches a regular expression, with their text."""
        for path, data in sorted(self.contents.items()):
            if re.fullmatch(pattern, path):
                yield path, data.decode("utf-8", "replace")


def take_inventory(
    layout: Path, manifest: Digest, *, keep: re.Pattern[str] = KEPT, watch: Watch | None = None
) -> Inventory:
    """Read a whole image once, keeping the content of files whose whole path matches `keep`.

    `watch` is told of every member, with the SHA-256 (hex) of the data that a regular file brings, else with nothing.
    Raises `ImageContentError` when a blob is not what its digest says; what `watch` was told must not be kept then.
    """
    reading = _Reading(keep, hashed=watch is not None)
    members = list(members_of(read_tree(layout, manifest, reading.take)))
    contents = reading.contents()
    # A layer may have named such a file by another path, through a link: those are read once more, all together.
    wanted = {where for entry, where in members if entry.kind == b"0" and keep.fullmatch(entry.path)}
    contents |= _contents_at(layout, manifest, wanted - contents.keys())
    inventory = Inventory()
    for entry, where in members:
        inventory.nodes[entry.path] = ImageMember(_KINDS[entry.kind], entry.mode, entry.size)
        if entry.kind == b"2":
            inventory.links[entry.path] = entry.link
        elif entry.kind == b"0" and keep.fullmatch(entry.path):
            inventory.contents[entry.path] = contents.get(where, b"")
        if watch:
            watch(entry, reading.digests.get(where, _EMPTY) if entry.kind == b"0" else "")
    inventory.kept = sum(len(data) for data in inventory.contents.values())
    return inventory


@dataclass(slots=True)
class _Reading:
    """What one reading of the layers leaves: the hash of each file, and contents by the name that its layer has for it.

    Of one name the last layer's content is held, so that a database which every layer writes anew is held once.
    """

    keep: re.Pattern[str]
    hashed: bool
    digests: dict[Where, str] = field(default_factory=dict)
    held: dict[str, tuple[Where, bytes]] = field(default_factory=dict)
    size: int = 0

    def take(self, where: Where, entry: TarMember, source: Source) -> None:
        """One entry of a layer, with its data."""
        if entry.kind != b"0" or not (self.hashed or self._may_keep(entry.path)):
            source.copy(entry.padded, _nowhere)
        elif self._may_keep(entry.path):
            self._hold(where, entry, source)
        else:
            state = hashlib.sha256()
            source.copy(entry.size, state.update)
            source.copy(entry.padded - entry.size, _nowhere)
            self.digests[where] = state.hexdigest()

    def contents(self) -> dict[Where, bytes]:
        """What is held, by where it stands."""
        return dict(self.held.values())

    def _may_keep(self, path: str) -> bool:
        return bool(self.keep.fullmatch(path) or self.keep.fullmatch(f"usr/{path}"))

    def _hold(self, where: Where, entry: TarMember, source: Source) -> None:
        before = self.held.pop(entry.path, None)
        self.size += entry.size - (len(before[1]) if before else 0)
        _require_bounded(self.size, entry.path)
        data = source.read(entry.padded)[: entry.size]
        self.held[entry.path] = (where, data)
        if self.hashed:
            self.digests[where] = hashlib.sha256(data).hexdigest()


def _contents_at(layout: Path, manifest: Digest, wanted: Collection[Where]) -> dict[Where, bytes]:
    found: dict[Where, bytes] = {}

    def take(where: Where, entry: TarMember, source: Source) -> None:
        if where not in wanted:
            source.copy(entry.padded, _nowhere)
            return
        _require_bounded(sum(map(len, found.values())) + entry.size, entry.path)
        found[where] = source.read(entry.padded)[: entry.size]

    if wanted:
        read_tree(layout, manifest, take)
    return found


def _require_bounded(size: int, path: str) -> None:
    if size > _MOST_KEPT:
        raise ImageContentError(
            f"/{path} and what else says what is installed has more than {_MOST_KEPT >> 20} MiB",
            hint="No package database is so large; do not use this image.",
        )


def read_root(layout: Path, manifest: Digest, read: Callable[[Source], None]) -> None:
    """Give `read` the root file system of an image as one tar; it must read to the end, and raises through here.

    Raises `ImageContentError` when a blob is not what its digest says; what was read must not be kept then.
    """
    import os
    import threading

    read_end, write_end = os.pipe()
    failures: list[BaseException] = []

    def produce() -> None:
        try:
            with open(write_end, "wb", buffering=0) as sink:  # noqa: PTH123 - a descriptor, not a path
                flatten(layout, manifest, sink)
        except BaseException as error:  # handed to the reading thread below
            failures.append(error)

    producer = threading.Thread(target=produce, daemon=True)
    producer.start()
    try:
        with open(read_end, "rb", buffering=0) as stream:  # noqa: PTH123 - a descriptor, not a path
            read(Source(iter(lambda: stream.read(1 << 20), b"")))
    finally:
        # What stopped the writer is the cause; the reader only saw a tar that ends too early.
        producer.join()
        for failure in failures:
            if not isinstance(failure, BrokenPipeError):
                raise failure


def _nowhere(_: bytes | memoryview) -> None:
    return


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part and part != "."]
