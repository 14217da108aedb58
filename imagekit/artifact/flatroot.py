"""An image's root file system as one tar file on this host, with an index of what is in it."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import dirname, join, normpath

from imagekit.artifact.partitions import BLOCK
from imagekit.oci.errors import ImageContentError
from imagekit.oci.flatten import NODE_FOLDERS, flatten
from imagekit.oci.reference import Digest
from imagekit.oci.rootfs import attributes_size
from imagekit.oci.tarstream import Source, TarMember, entries

_MOST_READ = 1 << 30  # an initrd with all drivers and firmware has 300 MB
_MAX_LINKS = 40  # as the kernel's own limit, path_resolution(7)
_DIRECT = 12  # blocks that an inode of ext2 names itself; a block of addresses holds 1024 more
_PER_BLOCK = BLOCK // 4
_IN_INODE = 90  # bytes of attributes that fit into an inode of 256


@dataclass(frozen=True, slots=True)
class Member:
    """One path; `offset` and `size` are those of its data in the tar, `link` is where a link leads."""

    kind: bytes
    link: str
    offset: int
    size: int
    xattrs: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FlatRoot:
    """The tar and its index, paths without leading slash; `blocks` of 4 KiB is what a file system needs for it."""

    tar: Path
    members: dict[str, Member]
    blocks: int

    def resolve(self, path: str) -> str | None:
        """The path that `path` leads to inside the image, links followed; None when it leads nowhere."""
        parts, done, budget = _parts(path), "", _MAX_LINKS
        while parts:
            here = join(done, parts.pop(0))
            member = self.members.get(here)
            if member is not None and member.kind == b"2":
                budget -= 1
                if not budget:
                    return None
                parts, done = _parts(normpath(join("/", dirname(here), member.link))) + parts, ""
            else:
                done = here
        return done if done in self.members else None

    def read(self, path: str) -> bytes | None:
        """Content of the regular file that `path` leads to; None when there is none.

        Raises `ImageContentError` for a file larger than 1 GiB.
        """
        found = self.resolve(path)
        member = self.members.get(found or "")
        if member is not None and member.kind == b"1":
            member = self.members.get(member.link)
        if member is None or member.kind != b"0":
            return None
        if member.size > _MOST_READ:
            raise ImageContentError(f"/{found} has {member.size} bytes, {_MOST_READ} can be read into memory")
        with self.tar.open("rb") as stream:
            stream.seek(member.offset)
            return stream.read(member.size)

    @property
    def attributes(self) -> dict[str, Mapping[str, bytes]]:
        """The extended attributes of each path that has some."""
        return {path: member.xattrs for path, member in self.members.items() if member.xattrs}

    def matching(self, pattern: str) -> Iterator[str]:
        """Paths that match a regular expression, in order of their names."""
        test = re.compile(pattern)
        yield from sorted(path for path in self.members if test.fullmatch(path))


def flat_root(layout: Path, manifest: Digest, tar: Path) -> FlatRoot:
    """Write an image's root file system, as a node has it, to the file `tar` and index it; raises `ImageContentError`.

    `NODE_FOLDERS` are in it whether or not the image has them. A folder stands before what is in it.
    """
    with tar.open("wb", buffering=0) as sink:
        flatten(layout, manifest, sink, folders=NODE_FOLDERS)
    return index_tar(tar)


def index_tar(tar: Path) -> FlatRoot:
    """Index a tar that `flatten` wrote."""
    members: dict[str, Member] = {}
    blocks = 0
    names: dict[str, int] = {}
    with tar.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        source = Source([whole])  # type: ignore[list-item]  # a map is read as bytes are
        for entry in entries(source):
            members[entry.path] = Member(entry.kind, entry.link, source.at, entry.size, entry.xattrs)
            source.copy(entry.padded, _nowhere)
            blocks += _blocks(entry)
            parent = dirname(entry.path)
            names[parent] = names.get(parent, 0) + 12 + len(entry.path) - len(parent)
    blocks += sum(size * 3 // 2 // BLOCK for size in names.values())
    return FlatRoot(tar, members, blocks)


def _blocks(entry: TarMember) -> int:
    attributes = 1 if attributes_size(entry.xattrs) > _IN_INODE else 0
    if entry.kind != b"0":
        return attributes + (1 if entry.kind == b"5" or len(entry.link) >= 60 else 0)
    data = -(-entry.size // BLOCK)
    addresses = 0 if data <= _DIRECT else 3 + data // _PER_BLOCK
    return attributes + data + addresses


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part and part != "."]


def _nowhere(_: bytes | memoryview) -> None:
    return
