"""Dates of a question: what they stand for, and what could be two moments."""

from __future__ import annotations

import pytest

from imagekit.audit.asked import between, stamp, stretch_of
from imagekit.base.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "zone", "begin", "seconds"),
    [
        ("2026-03-05", "UTC", "2026-03-05T00:00:00Z", 86_400),
        ("2026-03-05", "Europe/Berlin", "2026-03-04T23:00:00Z", 86_400),
        ("2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00Z", 23 * 3600),
        ("2026-10-25", "Europe/Berlin", "2026-10-24T22:00:00Z", 25 * 3600),
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00Z", 23 * 3600),  # its clocks jumped over midnight
        ("2026-03-05T14:30", "UTC", "2026-03-05T14:30:00Z", 1),
        ("2026-03-05T14:30:05Z", "Europe/Berlin", "2026-03-05T14:30:05Z", 1),
        ("2026-03-05T14:30:00+05:30", "UTC", "2026-03-05T09:00:00Z", 1),
        ("2026-03-05 14:30", "Asia/Kolkata", "2026-03-05T09:00:00Z", 1),
        ("2026-10-25T02:30:00+01:00", "Europe/Berlin", "2026-10-25T01:30:00Z", 1),
        ("2028-02-29", "UTC", "2028-02-29T00:00:00Z", 86_400),
    ],
)
def test_what_a_date_stands_for(text: str, zone: str, begin: str, seconds: int) -> None:
    found = stretch_of(text, zone)
    assert (stamp(found.begin), found.end - found.begin) == (begin, seconds)


@pytest.mark.parametrize(
    ("text", "zone", "first", "second"),
    [
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
        ("2026-11-01T01:59:59", "America/New_York", "2026-11-01T05:59:59Z", "2026-11-01T06:59:59Z"),
        ("2026-04-05T01:45", "Australia/Lord_Howe", "2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z"),
    ],
)
def test_a_time_that_the_clocks_showed_twice_is_refused_with_both(
    text: str, zone: str, first: str, second: str
) -> None:
    with pytest.raises(ConfigError, match="twice") as caught:
        stretch_of(text, zone)
    assert first in caught.value.hint
    assert second in caught.value.hint


@pytest.mark.parametrize(
    ("text", "zone"), [("2026-03-29T02:30", "Europe/Berlin"), ("2026-03-08T02:00", "America/New_York")]
)
def test_a_time_that_the_clocks_never_showed_is_refused(text: str, zone: str) -> None:
    with pytest.raises(ConfigError, match="never") as caught:
        stretch_of(text, zone)
    assert caught.value.hint.count("Z") == 2


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "2026", "2026-3-5", "05.03.2026", "2026-02-30", "2026-13-01", "1970-01-01", "9999-01-01"),
        *("2026-03-05T25:00", "2026-03-05T14:30:60Z", "2026-03-05T14:30+25:00", "2026-W10-4", "2026-03-05T14"),
        *(
            "2026-03-05T14:30:00.5Z",
            "2026-03-05T14:30 CET",
            "\uff12\uff10\uff12\uff16-03-05",
            "2026-03-05\x1b[31m",
            "2026-03-05;id",
        ),
    ],
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        stretch_of(text)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../../etc/passwd", "/etc/localtime", "CET\x00"])
def test_what_is_no_zone(zone: str) -> None:
    with pytest.raises(ConfigError, match="no time zone"):
        stretch_of("2026-03-05T14:30", zone)


def test_a_range_has_its_last_day_whole_and_its_last_moment_not() -> None:
    days = between("2026-03-01..2026-03-31")
    assert (stamp(days.begin), stamp(days.end)) == ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z")
    moments = between("2026-03-01T10:00Z..2026-03-01T11:00Z")
    assert moments.end - moments.begin == 3600


@pytest.mark.parametrize("text", ["2026-03-02..2026-03-01", "2026-03-01..", "..2026-03-01", "2026-03-01", "a..b"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(ConfigError):
        between(text)
