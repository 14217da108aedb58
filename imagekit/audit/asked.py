"""The dates of a question: a moment or a whole day, in a zone; what could be two moments is refused with both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from imagekit.base.errors import ConfigError
from imagekit.base.text import one_line

_FORM = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<time>\d{2}:\d{2}(?::\d{2})?)(?P<zone>Z|[+-]\d{2}:\d{2})?)?",
    re.ASCII,
)
_HINT = "2026-03-29 is the whole day; a moment is 2026-03-29T14:30:00Z or ...+01:00, or local with --zone NAME."
_YEARS = range(1971, 2200)
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a date stands for, as [begin, end) in seconds since 1970; `words` say how it was taken."""

    begin: int
    end: int
    words: str


def zone_of(name: str) -> tzinfo:
    """A zone by its IANA name or UTC; raises `ConfigError`."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f"--zone: no time zone {name[:_LONGEST]!r} on this machine",
            hint="Names are those of the IANA database, such as Europe/Berlin; Debian's package is tzdata.",
        ) from None


def stretch_of(text: str, zone: str = "UTC") -> Stretch:
    """The moment or whole day that a text names; a moment lasts one second.

    Raises `ConfigError` for what is no date, and for a local time that the clocks showed twice or never.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{one_line(text, _LONGEST)!r} is no date", hint=_HINT)
    day = _day(found["day"])
    if found["time"] is None:
        return _whole_day(day, zone)
    return _instant(text, day, found["time"], found["zone"], zone)


def between(text: str, zone: str = "UTC") -> Stretch:
    """The range ``A..B``: from the beginning of A to the end of B; raises `ConfigError`."""
    first, dots, last = text.partition("..")
    if not dots or not first or not last:
        raise ConfigError(
            f"{one_line(text, 2 * _LONGEST)!r} is no range", hint="Write A..B, such as 2026-03-01..2026-03-31."
        )
    one, other = stretch_of(first, zone), stretch_of(last, zone)
    whole_day = other.end - other.begin > 1
    end = other.end if whole_day else other.begin
    if end <= one.begin:
        raise ConfigError(f"the range {text} ends before it begins", hint="Write the earlier date first.")
    return Stretch(one.begin, end, f"from {stamp(one.begin)} to {stamp(end)}, the end left out")


def stamp(instant: int) -> str:
    """Seconds since 1970 as text, in UTC."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"there is no day {text}", hint=_HINT) from None
    if day.year not in _YEARS:
        raise ConfigError(f"{text}: years are {_YEARS.start} to {_YEARS.stop - 1}", hint=_HINT)
    return day


def _whole_day(day: date, zone: str) -> Stretch:
    where = zone_of(zone)
    begin, end = (_midnight(each, where) for each in (day, day + timedelta(days=1)))
    hours = (end - begin) / 3600
    length = "" if hours == 24 else f" ({hours:g} hours, for the clocks were changed)"
    return Stretch(begin, end, f"the whole day {day} in {zone}{length}: from {stamp(begin)} to {stamp(end)}")


def _midnight(day: date, where: tzinfo) -> int:
    """The first moment of a day; where clocks jump over midnight it is the jump (PEP 495, fold=0 in a gap)."""
    return int(datetime(day.year, day.month, day.day, tzinfo=where).timestamp())


def _instant(text: str, day: date, time: str, offset: str | None, zone: str) -> Stretch:
    try:
        local = datetime.fromisoformat(f"{day.isoformat()}T{time}")
    except ValueError:
        raise ConfigError(f"there is no time {time}", hint=_HINT) from None
    if offset is not None:
        instant = int(local.replace(tzinfo=_offset(offset)).timestamp())
        return Stretch(instant, instant + 1, stamp(instant))
    where = zone_of(zone)
    readings = sorted({int(local.replace(tzinfo=where, fold=fold).timestamp()) for fold in (0, 1)})
    real = [each for each in readings if datetime.fromtimestamp(each, where).replace(tzinfo=None) == local]
    if len(real) != 1:
        raise _two_readings(text, zone, real or readings, never=not real)
    return Stretch(real[0], real[0] + 1, f"{stamp(real[0])} ({local:%Y-%m-%d %H:%M:%S} in {zone})")


def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 14 or minutes > 59:
        raise ConfigError(f"no place on earth has the offset {text}", hint=_HINT)
    whole = timedelta(hours=hours, minutes=minutes)
    return timezone(-whole if text[0] == "-" else whole)


def _two_readings(text: str, zone: str, instants: list[int], *, never: bool) -> ConfigError:
    said = " or ".join(stamp(each) for each in instants)
    if never:
        return ConfigError(
            f"{text}: the clocks of {zone} never showed that time, they were put forward over it",
            hint=f"Say which moment is meant, with its offset: {said}.",
        )
    return ConfigError(
        f"{text}: the clocks of {zone} showed that time twice", hint=f"Say which of the two is meant: {said}."
    )
