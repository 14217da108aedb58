"""Maintenance windows: whether a wave may begin now, and when the next one may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from imagekit.base.errors import ConfigError
from imagekit.fleet.cluster import Day, Window

_AHEAD = 9  # days: a week, and both its ends


def is_open(windows: Sequence[Window], now: datetime) -> bool:
    """Whether a moment is in a window; without windows every moment is. Raises `ConfigError` for an unknown zone."""
    return not windows or any(begin <= now < end for each in windows for begin, end in _spans(each, now))


def next_opening(windows: Sequence[Window], now: datetime) -> datetime | None:
    """The next moment (UTC) at which a window begins; None without windows."""
    found = [begin for each in windows for begin, end in _spans(each, now) if begin > now and end > begin]
    return min(found, default=None)


def _spans(window: Window, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Begin and end of a window around a moment, in UTC; the clock is that of its zone, whatever it does at night."""
    try:
        zone = ZoneInfo(window.zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(
            f"no time zone {window.zone!r}", hint="Such as Europe/London; see `timedatectl list-timezones`."
        ) from None
    today = now.astimezone(zone).date()
    begins, ends = time.fromisoformat(window.begins), time.fromisoformat(window.ends)
    for offset in range(-1, _AHEAD):
        day = today + timedelta(days=offset)
        if list(Day)[day.weekday()] in window.days:
            last = day if ends > begins else day + timedelta(days=1)
            yield _instant(day, begins, zone), _instant(last, ends, zone)


def _instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """A clock's time on a day; of two such moments (summer time ends) the first, of none (it begins) the one after."""
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)
