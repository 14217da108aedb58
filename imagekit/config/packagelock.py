"""The lock of an image's packages: one file for an image and architecture, one package a line (pure but for reading).

``images/locks/<image>.<arch>.lock`` is written by ``imagekit lock`` and reviewed like code, so it holds nothing that
differs between two machines: no mirror's address, no time, no path of a machine. Loaders for others: `load`, `parse`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from imagekit.base.errors import ConfigError

FOLDER = Path("images/locks")
FORMAT = 1
_HEADER = """\
# What {image} is made of on {arch}, one package a line.
# Written by `imagekit lock`; look at every change as you would at code.
# asks STAGE PACKAGE...                  what was asked for; the rest are dependencies
# authority LAYER SHA256 SUBJECT         certificate authorities that a layer adds
# package STAGE NAME VERSION ARCH SHA256 BYTES ORIGIN PATH
"""
_WORD = r"[A-Za-z0-9][A-Za-z0-9+._-]*"
_PART = r"[A-Za-z0-9][A-Za-z0-9+.~:^%_-]*"  # no ``..``, and nothing that a shell or an address would read as more
_PACKAGE = re.compile(
    r"package (?P<stage>[a-z0-9]+(?:-[a-z0-9]+)*) (?P<name>[A-Za-z0-9][A-Za-z0-9+._-]*) "
    r"(?P<version>[A-Za-z0-9][A-Za-z0-9.+~:^_-]*) (?P<arch>[a-z0-9_-]+) (?P<sha256>[0-9a-f]{64}) (?P<size>[0-9]{1,12}) "
    rf"(?P<origin>{_WORD}(?:/{_WORD}){{0,3}}) (?P<path>{_PART}(?:/{_PART})*)"
)
_AUTHORITY = re.compile(r"authority (?P<layer>[a-z0-9]+(?:-[a-z0-9]+)*) (?P<sha256>[0-9a-f]{64}) (?P<subject>.+)")


class BadLockError(ConfigError):
    """A lock file that does not read."""


class LockedPackage(NamedTuple):
    """One package: the stage that brings it, version as its own tools write it, SHA-256 (hex) and bytes of its file.

    `origin` is where the distribution published it, ``label/suite/component`` (dnf: the repository's id), and `path`
    its place below the root of a mirror, whichever that is.
    """

    stage: str
    name: str
    version: str
    arch: str
    sha256: str
    size: int
    origin: str
    path: str

    @property
    def identity(self) -> tuple[str, str]:
        """What stays the same when its version moves."""
        return self.name, self.arch


class LockedAuthority(NamedTuple):
    """A certificate that a layer adds: SHA-256 of its DER form, subject."""

    layer: str
    sha256: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageLock:
    """All that an image's packages resolved to; `asked` has the declared packages of each stage."""

    image: str
    arch: str
    asked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    authorities: tuple[LockedAuthority, ...] = ()
    packages: tuple[LockedPackage, ...] = ()

    def of_stage(self, stage: str) -> tuple[LockedPackage, ...]:
        """The packages that a stage brings."""
        return tuple(package for package in self.packages if package.stage == stage)


def lock_path(image: str, arch: str) -> Path:
    """Where the lock of an image is, seen from the project's folder."""
    return FOLDER / f"{image}.{arch}.lock"


def load(root: Path, image: str, arch: str) -> PackageLock | None:
    """The lock of an image; None where there is none. Raises `BadLockError` with file and line."""
    path = root / lock_path(image, arch)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise BadLockError(f"{path}: cannot be read ({error})", hint=_AGAIN) from None
    found = parse(text, str(path))
    if (found.image, found.arch) != (image, arch):
        raise BadLockError(f"{path}: is of {found.image} on {found.arch}, and not of {image} on {arch}", hint=_AGAIN)
    return found


def as_text(lock: PackageLock) -> str:
    """The file: sorted, so that the same packages give the same bytes."""
    return _HEADER.format(image=lock.image, arch=lock.arch) + "".join(f"{line}\n" for line in _lines(lock))


def parse(text: str, where: str) -> PackageLock:
    """Read what `as_text` writes; raises `BadLockError` with the line, also for one package twice or a cut file."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line and not line.startswith("#")]
    head = [line for _, line in lines[:2]]
    words = head[1].split() if len(head) == 2 else []
    if head[:1] != [f"version {FORMAT}"] or len(words) != 3 or words[0] != "image":
        raise BadLockError(f"{where}: is no lock of packages of version {FORMAT}", hint=_AGAIN)
    if lines[-1][1] != "end":
        raise BadLockError(f"{where}: ends before its last line (`end`), so a part of it is missing", hint=_AGAIN)
    asked: dict[str, tuple[str, ...]] = {}
    authorities: list[LockedAuthority] = []
    packages: dict[tuple[str, str, str], LockedPackage] = {}
    for number, line in lines[2:-1]:
        if line.startswith("asks ") and len(line.split()) > 1:
            if line.split()[1] in asked:
                raise BadLockError(f"{where}:{number}: {line.split()[1]} asks a second time", hint=_AGAIN)
            asked[line.split()[1]] = tuple(line.split()[2:])
        elif found := _AUTHORITY.fullmatch(line):
            authorities.append(LockedAuthority(**found.groupdict()))
        elif found := _PACKAGE.fullmatch(line):
            if found["stage"] not in asked:
                raise BadLockError(f"{where}:{number}: {found['name']} is of {found['stage']}, which asks for nothing")
            one = LockedPackage(**{**found.groupdict(), "size": int(found["size"])})  # type: ignore[arg-type]
            if packages.setdefault((one.stage, *one.identity), one) is not one:
                raise BadLockError(f"{where}:{number}: {one.name} of {one.stage} stands here twice", hint=_AGAIN)
        else:
            raise BadLockError(f"{where}:{number}: does not read: {line[:80]!r}", hint=_AGAIN)
    return PackageLock(
        image=words[1],
        arch=words[2],
        asked=asked,
        authorities=tuple(authorities),
        packages=tuple(packages.values()),
    )


def ordered(packages: Iterable[LockedPackage], stages: Iterable[str]) -> tuple[LockedPackage, ...]:
    """By stage from the bottom up, then by name: the order of the file."""
    place = {stage: number for number, stage in enumerate(stages)}
    return tuple(sorted(packages, key=lambda each: (place[each.stage], each.name, each.arch, each.version)))


def _lines(lock: PackageLock) -> Iterator[str]:
    yield f"version {FORMAT}"
    yield f"image {lock.image} {lock.arch}"
    for stage, names in lock.asked.items():
        yield " ".join(("asks", stage, *sorted(names)))
    yield from (" ".join(("authority", *each)) for each in sorted(lock.authorities))
    for each in ordered(lock.packages, lock.asked):
        yield " ".join(("package", *map(str, each)))
    yield "end"


_AGAIN = "Make it again with `imagekit lock IMAGE`, or take it from git."
