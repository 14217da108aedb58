"""Maintenance windows over midnight, over summer time, and none at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from imagekit.base.errors import ConfigError
from imagekit.fleet.cluster import Window
from imagekit.provision.roll.windows import is_open, next_opening


def window(begins: str, ends: str, *days: str, zone: str = "UTC") -> Window:
    said = {"from": begins, "until": ends, "zone": zone, **({"days": days} if days else {})}
    return Window.model_validate_json(json.dumps(said))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "found"),
    [
        ("2030-01-05T05:59", False),  # a Saturday
        ("2030-01-05T06:00", True),
        ("2030-01-05T19:59", True),
        ("2030-01-05T20:00", False),
        ("2030-01-07T10:00", False),  # a Monday
    ],
)
def test_a_window_is_half_open(moment: str, found: bool) -> None:
    assert is_open([window("06:00", "20:00", "sat", "sun")], at(moment)) is found


def test_a_window_over_midnight_counts_to_the_day_it_began() -> None:
    friday = [window("22:00", "04:00", "fri")]
    assert is_open(friday, at("2030-01-05T03:59"))
    assert not is_open(friday, at("2030-01-04T03:00"))
    assert not is_open(friday, at("2030-01-05T22:30"))


def test_the_clock_is_that_of_the_zone_in_summer_and_winter() -> None:
    london = [window("06:00", "07:00", zone="Europe/London")]
    assert is_open(london, at("2030-01-10T06:30"))
    assert is_open(london, at("2030-07-10T05:30"))
    assert not is_open(london, at("2030-07-10T06:30"))


def test_an_hour_that_comes_twice_is_in_the_window_the_whole_time() -> None:
    """On 27 October 2030 01:00 to 02:00 comes twice in London."""
    london = [window("00:30", "02:30", zone="Europe/London")]
    for moment in ("2030-10-26T23:45", "2030-10-27T00:45", "2030-10-27T01:45", "2030-10-27T02:15"):
        assert is_open(london, at(moment)), moment
    assert not is_open(london, at("2030-10-27T02:45"))


def test_without_windows_it_is_always_open() -> None:
    assert is_open([], at("2030-01-01T00:00"))
    assert next_opening([], at("2030-01-01T00:00")) is None


def test_the_next_opening_is_told() -> None:
    assert next_opening([window("06:00", "20:00", "sat")], at("2030-01-05T21:00")) == at("2030-01-12T06:00")


def test_an_unknown_zone_is_a_mistake_in_the_file() -> None:
    with pytest.raises(ConfigError, match="no time zone 'Europe/Londno'"):
        is_open([window("06:00", "20:00", zone="Europe/Londno")], at("2030-01-05T21:00"))
