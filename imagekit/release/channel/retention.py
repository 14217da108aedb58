"""Retention: which versions a registry may forget. Planning is pure; only `--apply` removes anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from imagekit.oci.reference import Digest, Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version tag of one repository; `good` when its evidence holds today and nobody yanked it."""

    reference: Reference
    digest: Digest
    created: datetime
    good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of a version, and why."""

    version: Version
    keep: bool
    why: str


def plan_retention(
    versions: Sequence[Version],
    *,
    last: int,
    pointed: Mapping[Digest, Sequence[str]],
    pinned: Mapping[Digest, Sequence[str]],
) -> list[Fate]:
    """Decide about every version, newest first in each repository.

    Kept are: what a channel points at or holds back (`pointed`, by names of channels), what a fleet file names
    (`pinned`, by names of nodes), and the `last` good ones of each repository; of equally old ones all.
    """
    fates = []
    for name in sorted({version.reference.name for version in versions}):
        own = sorted((item for item in versions if item.reference.name == name), key=_newest_first)
        newest = _last_good(own, last)
        fates += [_fate(version, newest, pointed, pinned, last) for version in own]
    return fates


def _newest_first(version: Version) -> tuple[float, str]:
    return (-version.created.timestamp(), str(version.reference.tag))


def _last_good(own: Sequence[Version], last: int) -> set[Digest]:
    good = [version for version in own if version.good]
    if last <= 0 or not good:
        return set()
    oldest = good[min(last, len(good)) - 1].created
    return {version.digest for version in good if version.created >= oldest}


def _fate(
    version: Version,
    newest: set[Digest],
    pointed: Mapping[Digest, Sequence[str]],
    pinned: Mapping[Digest, Sequence[str]],
    last: int,
) -> Fate:
    if version.digest in pointed:
        return Fate(version=version, keep=True, why=f"named by channel {_few(pointed[version.digest])}")
    if version.digest in pinned:
        return Fate(version=version, keep=True, why=f"run by {_few(pinned[version.digest])}")
    if version.digest in newest:
        return Fate(version=version, keep=True, why=f"one of the last {last} good ones")
    return Fate(
        version=version, keep=False, why="nothing names it" if version.good else "not good, and nothing names it"
    )


def _few(names: Iterable[str]) -> str:
    known = list(names)
    return ", ".join(known[:3]) + (f" and {len(known) - 3} more" if len(known) > 3 else "")
