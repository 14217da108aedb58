"""Which items of the evidence count for a purpose, and one sentence for each that does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from imagekit.trust.evidence.statement import Statement
from imagekit.trust.gate.model import Evidence, Item
from imagekit.trust.sign.trust import day, misused
from imagekit.trust.sign.trustfile import Purpose, TrustedKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An item that counts: signed by a trusted key, in its window, for this purpose and channel, about this digest."""

    source: str
    statement: Statement
    key: TrustedKey
    signed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sorted:
    """Items of one kind, split."""

    accepted: tuple[Accepted, ...]
    refused: tuple[str, ...]

    def why_none(self, what: str) -> str:
        """Why nothing of this kind counts."""
        if not self.refused:
            return f"there is no {what}"
        return f"no {what} counts: " + "; ".join(self.refused[:5]) + _more(len(self.refused) - 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The evidence as one channel sees it now; what is dated later than `skew` from now is not believed."""

    evidence: Evidence
    channel: str
    now: datetime
    skew: timedelta

    def of(self, kind: str, purpose: Purpose, *, channel: str | None = None) -> Sorted:
        """The items of a predicate type, for a purpose; `channel` is this view's own unless given."""
        accepted: list[Accepted] = []
        refused: list[str] = []
        for item in self.evidence.items:
            statement = item.reading.statement
            if statement is None and item.reading.key is not None:  # of which kind it was meant to be nobody can tell
                refused.append(f"{named(item.source)}: {item.reading.reason}")
            if statement is None or statement.predicate_type != kind:
                continue
            found = self._judged(item, statement, purpose, channel or self.channel)
            if isinstance(found, Accepted):
                accepted.append(found)
            else:
                refused.append(f"{named(item.source)}: {found}")
        return Sorted(tuple(accepted), tuple(refused))

    def _judged(self, item: Item, statement: Statement, purpose: Purpose, channel: str) -> Accepted | str:
        reading = item.reading
        if reading.problem is not None or reading.key is None:
            return reading.reason or "nobody vouches for it"
        if statement.subject != self.evidence.digest:
            return f"speaks of {statement.subject.short}, another image"
        problem, reason = misused(reading.key, purpose, channel)
        if problem is not None:
            return reason
        if reading.signed_at is not None and self.ahead(reading.signed_at):
            return f"dated {day(reading.signed_at)}, which is in the future"
        return Accepted(source=item.source, statement=statement, key=reading.key, signed_at=reading.signed_at)

    def ahead(self, at: datetime) -> bool:
        """Whether a moment lies further ahead than clocks differ."""
        return at > self.now + self.skew

    def age(self, accepted: Accepted) -> timedelta | None:
        """How long ago it was signed; None when it does not say."""
        return None if accepted.signed_at is None else max(timedelta(0), self.now - accepted.signed_at)


def named(source: str) -> str:
    """A source as people read it."""
    return source.removeprefix("sha256:")[:12] if source.startswith("sha256:") else source


def shown(time: timedelta) -> str:
    """A time span as people read it."""
    minutes = int(time.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"


def _more(count: int) -> str:
    return f"; and {count} more" if count > 0 else ""
