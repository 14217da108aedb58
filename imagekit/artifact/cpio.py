"""Archives in cpio's "newc" form, which the kernel unpacks as its first root file system.

Format: https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
"""

from __future__ import annotations

import stat
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """A file, folder or symbolic link; `mode` holds the type bits too, `data` is a link's target."""

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def file(path: str, data: bytes, mode: int = 0o644) -> Member:
    """A regular file."""
    return Member(path, stat.S_IFREG | mode, data)


def folder(path: str, mode: int = 0o755) -> Member:
    """A folder; its parents must come before it."""
    return Member(path, stat.S_IFDIR | mode)


def link(path: str, target: str) -> Member:
    """A symbolic link."""
    return Member(path, stat.S_IFLNK | 0o777, target.encode())


def console(path: str = "dev/console") -> Member:
    """The console's device node, which the kernel opens for init before any file system is mounted."""
    return Member(path, stat.S_IFCHR | 0o600, device=(5, 1))


def archive(members: list[Member]) -> bytes:
    """One archive, all owned by root and dated 0, padded so that another may follow it."""
    parts = [_packed(member, number) for number, member in enumerate(members, start=1)]
    body = b"".join([*parts, _packed(Member("TRAILER!!!", 0), 0)])
    return body.ljust(-(-len(body) // 512) * 512, b"\0")


def _packed(member: Member, number: int) -> bytes:
    name = member.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(member.mode) else 1
    major, minor = member.device
    fields = (number, member.mode, 0, 0, links, 0, len(member.data), 0, 0, major, minor, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % value for value in fields) + name
    return _to_four(head) + _to_four(member.data)


def _to_four(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // 4) * 4, b"\0")
