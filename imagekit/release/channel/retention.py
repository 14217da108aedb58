"""Retention: which versions a registry may forget. Planning is pure; only `--apply` removes anything.

A version is removed only when it is proven ours and proven unneeded. What nobody vouches for today, because its
evidence is missing, unreadable or by strangers, is kept: whoever may push can empty a list of evidence, and add
tags, and neither may decide what is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from imagekit.oci.reference import Digest, Reference


class Standing(StrEnum):
    """What is known of a version."""

    ACCEPTED = "accepted"  # a trusted key signed it, and its tag is the version that it says itself
    DENIED = "denied"  # a record of the ledger withdrew it
    FOREIGN_TAG = "foreign tag"  # signed, under a tag that is not its version
    UNPROVEN = "unproven"  # nobody vouches for it, or what does cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version tag of one repository; `digest` is None for a tag whose manifest cannot be read."""

    reference: Reference
    digest: Digest | None
    created: datetime
    standing: Standing
    note: str = ""

    @property
    def accepted(self) -> bool:
        """Whether somebody trusted vouches for it and nobody withdrew it."""
        return self.standing in (Standing.ACCEPTED, Standing.FOREIGN_TAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of a version, and why."""

    version: Version
    keep: bool
    why: str


def plan_retention(versions: Sequence[Version], *, last: int, needed: Mapping[Digest, Sequence[str]]) -> list[Fate]:
    """Decide about every version, newest first in each repository.

    Kept are: what is `needed` (digests with the reasons), the `last` good digests of each repository (of equally old
    ones all), and whatever is not proven to be a version of ours.
    """
    fates = []
    for name in sorted({version.reference.name for version in versions}):
        own = sorted((item for item in versions if item.reference.name == name), key=_newest_first)
        newest = _last_accepted(own, last)
        fates += [_tagged_besides(_fate(version, newest, needed, last), own) for version in own]
    return fates


def _tagged_besides(fate: Fate, own: Sequence[Version]) -> Fate:
    """Removing a digest takes all its tags: one that somebody gave it besides its version keeps it."""
    besides = [
        item
        for item in own
        if item.digest == fate.version.digest and item.standing is Standing.FOREIGN_TAG and item is not fate.version
    ]
    if fate.keep or not besides:
        return fate
    return Fate(version=fate.version, keep=True, why=f"somebody tagged it {besides[0].reference.tag}, too")


def _newest_first(version: Version) -> tuple[float, str]:
    return (-version.created.timestamp(), str(version.reference.tag))


def _last_accepted(own: Sequence[Version], last: int) -> set[Digest]:
    """The newest good digests; many tags of one digest count once, and only its own version counts."""
    accepted = {
        item.digest: item.created for item in own if item.standing is Standing.ACCEPTED and item.digest is not None
    }
    if last <= 0 or not accepted:
        return set()
    oldest = sorted(accepted.values(), reverse=True)[min(last, len(accepted)) - 1]
    return {digest for digest, created in accepted.items() if created >= oldest}


def _fate(version: Version, newest: set[Digest], needed: Mapping[Digest, Sequence[str]], last: int) -> Fate:
    if version.digest is not None and version.digest in needed:
        return Fate(version=version, keep=True, why=_few(needed[version.digest]))
    if version.digest in newest:
        return Fate(version=version, keep=True, why=f"one of the last {last} good ones")
    match version.standing:
        case Standing.ACCEPTED:
            return Fate(version=version, keep=False, why="nothing needs it")
        case Standing.DENIED:
            return Fate(version=version, keep=False, why="withdrawn, and nothing needs it")
        case Standing.FOREIGN_TAG:
            return Fate(version=version, keep=True, why=f"not known: {version.note}")
        case Standing.UNPROVEN:
            why = version.note or "nobody who is trusted vouches for it"
            return Fate(version=version, keep=True, why=f"not known to be ours: {why}")


def _few(reasons: Iterable[str]) -> str:
    known = list(reasons)
    return ", ".join(known[:3]) + (f" and {len(known) - 3} more" if len(known) > 3 else "")
