"""What expires when: certificates, keys, waivers, and how they stand against thresholds at a time (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Place(StrEnum):
    """Where something that expires was found."""

    IMAGE = "image"
    BUNDLE = "image, the distribution's authorities"
    PROJECT = "project"
    FLEET = "fleet"
    KEYS = "keys"
    EVIDENCE = "evidence"


class Standing(StrEnum):
    """How it stands at a time."""

    EXPIRED = "expired"
    EARLY = "not valid yet"
    BLOCKS = "blocks"
    WARNS = "warns"
    GOOD = "good"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """One thing that ends: `what` for people, `where` a path or id, `until` when; `problem` where that is not known.

    `since` is when it begins, where it says so.
    """

    place: Place
    what: str
    where: str
    until: datetime | None
    problem: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """How long before its end something warns and blocks."""

    warn: timedelta = timedelta(days=60)
    block: timedelta = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Judged:
    """An expiry and how it stands."""

    expiry: Expiry
    standing: Standing

    @property
    def blocks(self) -> bool:
        """Whether it lets nothing be released.

        Authorities that the distribution brings end every few months in every image and are its to renew: they warn.
        """
        return self.standing not in (Standing.GOOD, Standing.WARNS) and self.expiry.place is not Place.BUNDLE


def judge(found: Iterable[Expiry], now: datetime, limits: Thresholds) -> tuple[Judged, ...]:
    """Each with its standing, what ends first standing first; what cannot be read stands before all."""
    judged = [Judged(each, _standing(each, now, limits)) for each in found]
    earliest = datetime.min.replace(tzinfo=now.tzinfo)
    return tuple(sorted(judged, key=lambda each: (each.expiry.until or earliest, each.expiry.where)))


def _standing(each: Expiry, now: datetime, limits: Thresholds) -> Standing:
    if each.until is None:
        return Standing.UNREADABLE
    if each.since is not None and now < each.since:
        return Standing.EARLY
    left = each.until - now
    if left <= timedelta(0):
        return Standing.EXPIRED
    if left <= limits.block:
        return Standing.BLOCKS
    return Standing.WARNS if left <= limits.warn else Standing.GOOD


def line(judged: Judged, now: datetime) -> str:
    """One of them for people."""
    each = judged.expiry
    if each.until is None:
        return f"{judged.standing.value}: {each.what}, {each.place.value}: {each.where}: {each.problem}"
    if judged.standing is Standing.EARLY:
        return f"{judged.standing.value}: {each.what} begins {each.since:%Y-%m-%d}, {each.place.value}: {each.where}"
    days = (each.until - now) / timedelta(days=1)
    when = f"{-days:.0f} days ago" if days < 0 else f"in {days:.0f} days"
    return f"{judged.standing.value}: {each.what} ends {each.until:%Y-%m-%d} ({when}), {each.place.value}: {each.where}"
