"""POSIX access lists (acl(5)): whether another user may open a path, and letting that one user in.

Read and written as the kernel keeps them, in an extended attribute (include/uapi/linux/posix_acl_xattr.h); acl(5) has
the rules by which the kernel decides.
"""

from __future__ import annotations

import errno
import os
import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

READ, WRITE, SEARCH = 4, 2, 1
_ATTRIBUTE = "system.posix_acl_access"
_VERSION, _NOBODY = 2, 0xFFFFFFFF
_ENTRY = struct.Struct("<HHI")
_NO_LIST = (errno.ENODATA, errno.EOPNOTSUPP)


class Tag(IntEnum):
    """Whom an entry of a list is about."""

    OWNER = 0x01
    USER = 0x02
    OWNING_GROUP = 0x04
    GROUP = 0x08
    MASK = 0x10
    OTHER = 0x20


@dataclass(frozen=True, slots=True)
class AclEntry:
    """One line of a list; `who` is a user or group id where the tag wants one."""

    tag: Tag
    permissions: int
    who: int = _NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user as the kernel sees one: its id, and all of its groups."""

    uid: int
    groups: frozenset[int]


def allows(path: Path, person: Person, wanted: int) -> bool:
    """Whether a person may do what is wanted with a path whose folders it can search; root may everything."""
    if person.uid == 0:
        return True
    state = path.stat()
    return _granted(access_list(path), state.st_uid, state.st_gid, person) & wanted == wanted


def access_list(path: Path) -> tuple[AclEntry, ...]:
    """The list of a path; where it has none, the one that its mode stands for."""
    try:
        return _parsed(os.getxattr(path, _ATTRIBUTE))
    except OSError as error:
        if error.errno not in _NO_LIST:
            raise
    mode = path.stat().st_mode
    classes = ((Tag.OWNER, mode >> 6), (Tag.OWNING_GROUP, mode >> 3), (Tag.OTHER, mode))
    return tuple(AclEntry(tag, permissions & 7) for tag, permissions in classes)


def let_in(path: Path, person: Person, permissions: int, *, group: int) -> None:
    """Give one user permissions on a path that is ours; `group` is that user's own.

    Where the file system keeps no lists, the path gets that group instead, which needs root or a group of ours. Raises
    `OSError` when neither can be.
    """
    entries = [entry for entry in access_list(path) if (entry.tag, entry.who) != (Tag.USER, person.uid)]
    entries = [entry for entry in entries if entry.tag is not Tag.MASK]
    entries.append(AclEntry(Tag.USER, permissions, person.uid))
    grouped = [entry.permissions for entry in entries if entry.tag in (Tag.USER, Tag.OWNING_GROUP, Tag.GROUP)]
    mask = 0
    for each in grouped:
        mask |= each
    entries.append(AclEntry(Tag.MASK, mask))
    try:
        os.setxattr(path, _ATTRIBUTE, _packed(entries))
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        os.chown(path, -1, group)
        path.chmod(path.stat().st_mode & 0o7707 | permissions << 3)


def _granted(entries: tuple[AclEntry, ...], owner: int, owning_group: int, person: Person) -> int:
    """What the kernel grants (acl(5), "Access check algorithm"); several groups that match are taken together here."""
    of = {entry.tag: entry.permissions for entry in entries}
    mask = of.get(Tag.MASK, 7)
    if person.uid == owner:
        return of[Tag.OWNER]
    if mask == 0:  # Linux does not look at the list then (acl_permission_check in fs/namei.c)
        return 0 if owning_group in person.groups else of[Tag.OTHER]
    for entry in entries:
        if entry.tag is Tag.USER and entry.who == person.uid:
            return entry.permissions & mask
    matching = [
        entry.permissions & mask
        for entry in entries
        if (entry.tag is Tag.OWNING_GROUP and owning_group in person.groups)
        or (entry.tag is Tag.GROUP and entry.who in person.groups)
    ]
    return max(matching, key=int.bit_count) if matching else of[Tag.OTHER]


def _parsed(data: bytes) -> tuple[AclEntry, ...]:
    (version,) = struct.unpack_from("<I", data)
    if version != _VERSION:
        raise OSError(errno.EINVAL, f"an access list of version {version}, which is not known")
    return tuple(AclEntry(Tag(tag), permissions, who) for tag, permissions, who in _ENTRY.iter_unpack(data[4:]))


def _packed(entries: list[AclEntry]) -> bytes:
    ordered = sorted(entries, key=lambda entry: (entry.tag, entry.who))
    body = b"".join(_ENTRY.pack(entry.tag, entry.permissions, entry.who) for entry in ordered)
    return struct.pack("<I", _VERSION) + body
