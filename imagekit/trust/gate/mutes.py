"""Which mutes count: signed by a person who may waive, for this check, not over, and no longer than a mute may be."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from imagekit.trust.evidence.decisions import MUTE_TYPE, Mute, read_mute
from imagekit.trust.gate.model import Item
from imagekit.trust.gate.view import View
from imagekit.trust.sign.person import same_person
from imagekit.trust.sign.trust import SKEW, misused
from imagekit.trust.sign.trustfile import Purpose

LONGEST = timedelta(days=90)


def mute_of(view: View, check: str) -> tuple[Mute, str] | None:
    """The mute of a check (its id without the boot path) that counts for a channel now, with its file."""
    found = (each for each in counting(view.evidence.items, view.now, channel=view.channel) if each[0].check == check)
    return max(found, key=lambda each: each[0].expires, default=None)


def counting(items: Iterable[Item], now: datetime, *, channel: str | None = None) -> list[tuple[Mute, str]]:
    """Every mute among these that counts at a moment, with its file; `channel` None asks for no channel's rights."""
    found = []
    for item in items:
        statement = item.reading.statement
        if statement is None or statement.predicate_type != MUTE_TYPE:
            continue
        mute = read_mute(statement)
        if mute is not None and not flaw_of(item, mute, now, channel):
            found.append((mute, item.source))
    return found


def flaw_of(item: Item, mute: Mute, now: datetime, channel: str | None = None) -> str:
    """Why a mute does not count; empty when it does."""
    reading = item.reading
    if reading.problem is not None or reading.key is None:
        return reading.reason or "nobody vouches for it"
    problem, reason = misused(reading.key, Purpose.WAIVE, channel)
    if problem is not None:
        return reason
    if not same_person(mute.person, reading.key.person):
        return f"names {mute.person[:100]}, the key is held by {reading.key.person}"
    if mute.expires <= now:
        return f"expired {mute.expires:%Y-%m-%d}"
    if reading.signed_at is None or reading.signed_at > now + SKEW:
        return "does not say when it was signed" if reading.signed_at is None else "is dated in the future"
    if mute.expires - reading.signed_at > LONGEST + SKEW:
        return f"runs for {(mute.expires - reading.signed_at).days} days, {LONGEST.days} are allowed"
    return ""
