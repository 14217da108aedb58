"""The static inventory of an image: what it is without being booted. Frozen data that JSON holds as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

FORMAT = 2
SETUID = 0o6000  # set-user-ID and set-group-ID, inode(7)


class FileFact(NamedTuple):
    """One path: kind as in find(1) -printf %y, permission bits, owner, bytes, and the package that owns it.

    `content` is the SHA-256 (hex) of a file, the target of a symbolic link, the numbers of a device.
    """

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    content: str
    capabilities: str = ""
    package: str = ""


class InstalledPackage(NamedTuple):
    """A package as its database has it."""

    name: str
    version: str
    arch: str


class User(NamedTuple):
    """A line of passwd(5), but for the remark; `password` only where it is neither in shadow(5) nor locked."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    password: str = ""


class Group(NamedTuple):
    """A line of group(5); `members` with commas between, as they stand there."""

    name: str
    gid: int
    members: str


class AuthorityFact(NamedTuple):
    """A certificate of the system's trust store: SHA-256 of its DER form, subject (RFC 4514), last day (UTC)."""

    fingerprint: str
    subject: str
    expires: str


class LayerSize(NamedTuple):
    """Packed bytes; `name` is that of the project's layer, or empty where nothing tells it."""

    name: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInventory:
    """All that the layers of one manifest say; paths are without leading slash.

    `units` maps a unit to how it is switched on (or that it is masked), `sysctls` a key to the value that wins,
    `sshd` a keyword to its value, `pam` a service to the modules that are asked for it, `modules` names the kernel
    modules that are there as files, `revision` is what the plan, the provenance or (of other
    builders) the label says of the sources.
    """

    digest: str
    version: str = ""
    revision: str = ""
    kernels: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    packages: tuple[InstalledPackage, ...] = ()
    units: Mapping[str, str]
    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    authorities: tuple[AuthorityFact, ...] = ()
    sysctls: Mapping[str, str]
    sshd: Mapping[str, str] = field(default_factory=dict)
    pam: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    layers: tuple[LayerSize, ...] = ()
    files: Mapping[str, FileFact]
    format: int = FORMAT
