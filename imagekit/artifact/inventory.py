"""What a finished image holds: every path, and the text of the few files that say what is installed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import dirname, join, normpath

from imagekit.oci.errors import ImageContentError
from imagekit.oci.flatten import flatten
from imagekit.oci.reference import Digest
from imagekit.oci.tarstream import Source, TarMember, entries

KEPT = re.compile(
    r"var/lib/dpkg/status|(usr/)?lib/sysimage/rpm/rpmdb\.sqlite|var/lib/rpm/rpmdb\.sqlite"
    r"|etc/(kairos-release|os-release|cos/bootargs\.cfg)|usr/lib/os-release"
    r"|etc/ssl/certs/ca-certificates\.crt|etc/pki/ca-trust/extracted/pem/tls-ca-bundle\.pem"
    r"|system/oem/36_imagekit_state\.yaml"
    r"|(usr/)?lib/modules/[^/]+/modules\.(dep|builtin)"
)
_KINDS = {b"0": "f", b"1": "f", b"2": "l", b"3": "c", b"4": "b", b"5": "d", b"6": "p"}
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
    inventory = Inventory()
    read_root(layout, manifest, lambda source: _read(source, inventory, keep, watch))
    return inventory


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


def _read(source: Source, inventory: Inventory, keep: re.Pattern[str], watch: Watch | None) -> None:
    with closing(entries(source)) as members:  # type: ignore[type-var]  # a generator has close
        for entry in members:
            inventory.nodes[entry.path] = ImageMember(_KINDS[entry.kind], entry.mode, entry.size)
            if entry.kind == b"2":
                inventory.links[entry.path] = entry.link
            digest = ""
            if entry.kind == b"0" and keep.fullmatch(entry.path):
                data = _kept(source, inventory, entry)
                digest = hashlib.sha256(data).hexdigest() if watch else ""
            elif entry.kind == b"0" and watch:
                state = hashlib.sha256()
                source.copy(entry.size, state.update)
                source.copy(entry.padded - entry.size, _nowhere)
                digest = state.hexdigest()
            else:
                source.copy(entry.padded, _nowhere)
            if watch:
                watch(entry, digest)


def _kept(source: Source, inventory: Inventory, entry: TarMember) -> bytes:
    inventory.kept += entry.size
    if inventory.kept > _MOST_KEPT:
        raise ImageContentError(
            f"/{entry.path} and what else says what is installed has more than {_MOST_KEPT >> 20} MiB",
            hint="No package database is so large; do not use this image.",
        )
    data = inventory.contents[entry.path] = source.read(entry.padded)[: entry.size]
    return data


def _nowhere(_: bytes | memoryview) -> None:
    return


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part and part != "."]
