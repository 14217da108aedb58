"""Starvation alarms, with a turned clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from imagekit.history.model import GateAnswer, Night, NightOutcome
from imagekit.history.starvation import AlarmKind, Feed, Move, Observed, alarms

START = datetime(2026, 6, 1, 2, 17, tzinfo=UTC)  # of the first night
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FEEDS = (Feed(channel="testing", source="publish"), Feed(channel="stable", source="testing", soak=2 * DAY))


def move(at: datetime, channel: str, digest: str) -> Move:
    return Move(at=at, channel=channel, image="node", digest=digest)


def night(at: datetime, outcome: NightOutcome = NightOutcome.GREEN, *, ended: bool = True) -> Night:
    return Night(night_id=f"{at:%Y%m%d}", image="node", started=at, ended=at + HOUR if ended else None, outcome=outcome)


def kinds(now: datetime, **seen: object) -> list[AlarmKind]:
    fields: dict[str, object] = {"suites": {}, "nights_expected": False, **seen}
    return [alarm.kind for alarm in alarms(Observed(now=now, **fields))]  # type: ignore[arg-type]


def mornings(moves: Sequence[Move], count: int = 5) -> list[int]:
    """The mornings (8:00, the first is that after the first night) on which a channel is reported."""
    first = START.replace(hour=8, minute=0)
    asked = [(number, first + (number - 1) * DAY) for number in range(1, count + 1)]
    return [
        number
        for number, at in asked
        if AlarmKind.CHANNEL in kinds(at, moves=[each for each in moves if each.at <= at], feeds=FEEDS)
    ]


def test_a_summer_without_a_promotion_is_an_alarm_on_the_second_morning() -> None:
    """Every night builds a new digest that passes, and nothing takes it (Bluefin's summer of 2026)."""
    before = [move(START - 9 * DAY, "publish", "old"), move(START - 8 * DAY, "testing", "old")]
    before += [move(START - 5 * DAY, "stable", "old")]
    summer = [move(START + number * DAY + HOUR, "publish", f"new{number}") for number in range(90)]
    assert mornings([*before, *summer], count=90) == list(range(2, 91))


def test_a_channel_that_moves_every_day_is_quiet() -> None:
    moves = []
    for number in range(10):
        moves += [move(START + number * DAY, "publish", f"d{number}")]
        moves += [move(START + number * DAY + 10 * HOUR, "testing", f"d{number}")]
        moves += [move(START + (number + 2) * DAY + 12 * HOUR, "stable", f"d{number}")]
    assert mornings(moves, count=10) == []


def test_nothing_new_starves_nobody() -> None:
    moves = [move(START, name, "one") for name in ("publish", "testing", "stable")]
    assert mornings(moves, count=60) == []


def test_a_wait_begins_when_the_digest_has_stayed_long_enough() -> None:
    moves = [move(START, name, "one") for name in ("publish", "testing", "stable")]
    moves += [move(START + HOUR, "publish", "two"), move(START + 2 * HOUR, "testing", "two")]
    ripe = START + 2 * HOUR + 2 * DAY
    assert kinds(ripe + 26 * HOUR, moves=moves, feeds=FEEDS) == []
    assert kinds(ripe + 26 * HOUR + timedelta(seconds=1), moves=moves, feeds=FEEDS) == [AlarmKind.CHANNEL]


def test_a_rollback_is_a_move() -> None:
    moves = [move(START, "publish", "one"), move(START, "testing", "one"), move(START, "stable", "one")]
    moves += [move(START + DAY, "publish", "two"), move(START + 2 * DAY, "testing", "one")]
    assert kinds(START + 5 * DAY, moves=moves, feeds=FEEDS) == []


def gate(at: datetime, *, passed: bool, reason: str = "tests: too old") -> GateAnswer:
    return GateAnswer(at=at, image="node", channel="stable", digest="d", passed=passed, reason=reason)


@pytest.mark.parametrize(
    ("answers", "alarm"),
    [
        ([], False),
        ([(0, False)], True),
        ([(0, False), (20, False), (27, False)], True),
        ([(0, False), (20, True)], False),
        ([(0, True), (20, False)], False),
        ([(0, True), (2, False), (27, False)], True),
        ([(5, False)], False),
    ],
)
def test_a_gate_that_only_says_no(answers: list[tuple[int, bool]], alarm: bool) -> None:
    gates = [gate(START + hours * HOUR, passed=passed) for hours, passed in answers]
    assert kinds(START + 30 * HOUR, gates=gates) == ([AlarmKind.GATE] if alarm else [])


def test_a_suite_that_does_not_run() -> None:
    now = START + 30 * HOUR
    assert kinds(now, suites={"node/base": now - 25 * HOUR}) == []
    assert kinds(now, suites={"node/base": now - 27 * HOUR}) == [AlarmKind.SUITE]
    [alarm] = alarms(Observed(now=now, suites={"node/k0s": None}, nights_expected=False))
    assert "never run" in alarm.text


def test_what_is_dated_later_than_now_makes_nothing_quiet() -> None:
    later = START + 300 * DAY
    assert kinds(START, suites={"node/base": later}) == [AlarmKind.SUITE]
    said_no = [gate(START - 30 * HOUR, passed=False), gate(later, passed=True)]
    assert kinds(START, gates=said_no) == [AlarmKind.GATE]
    waits = [move(START - 30 * HOUR, "publish", "a"), move(later, "testing", "a")]
    assert kinds(START, moves=waits, feeds=FEEDS[:1]) == [AlarmKind.CHANNEL]


GREEN = [night(START + number * DAY) for number in range(3)]


@pytest.mark.parametrize(
    ("nights", "hours", "expected"),
    [
        ([], 0, [AlarmKind.NIGHT_MISSED]),
        (GREEN, 2 * 24 + 6, []),
        (GREEN, 3 * 24 + 1, []),
        (GREEN, 3 * 24 + 6, [AlarmKind.NIGHT_MISSED]),
        ([*GREEN[:2], night(START + 2 * DAY, NightOutcome.CANCELLED)], 2 * 24 + 2, [AlarmKind.NIGHT_CANCELLED]),
        ([*GREEN[:2], night(START + 2 * DAY, NightOutcome.RUNNING, ended=False)], 2 * 24 + 2, []),
        (
            [*GREEN[:2], night(START + 2 * DAY, NightOutcome.RUNNING, ended=False)],
            2 * 24 + 9,
            [AlarmKind.NIGHT_CANCELLED, AlarmKind.NIGHT_RED],
        ),
        ([*GREEN[:1], night(START + DAY, NightOutcome.DRIFT)], 30, []),
        # A clock that ran ahead, or a question about an earlier day: what is to come makes nothing quiet.
        ([*GREEN[:1], night(START + 300 * DAY)], 30, [AlarmKind.NIGHT_MISSED]),
        ([night(START + 300 * DAY)], 0, [AlarmKind.NIGHT_MISSED]),
        ([*GREEN, night(START + 300 * DAY, NightOutcome.CANCELLED)], 2 * 24 + 2, []),
        # Nights that begin at 2:17 local time: the clock goes back (25 hours between two), and on (23, at 3:00).
        ([night(START), night(START + 25 * HOUR)], 25 + 23, []),
        ([night(START), night(START + timedelta(hours=23, minutes=43))], 48, []),
        ([night(START + n * DAY, NightOutcome.UNKNOWN) for n in range(3)], 2 * 24 + 2, [AlarmKind.NIGHT_RED]),
        ([night(START + n * DAY, NightOutcome.BROKEN) for n in range(3)], 2 * 24 + 2, [AlarmKind.NIGHT_RED]),
    ],
)
def test_nights(nights: list[Night], hours: int, expected: list[AlarmKind]) -> None:
    found = kinds(START + hours * HOUR, nights=nights, images=["node"], nights_expected=True)
    assert found == expected


def test_every_alarm_has_its_page_in_the_runbook() -> None:
    from imagekit.app.logfile import PAGES
    from imagekit.config.engine import located
    from tests.unit.history.test_store import ROOT

    for kind in AlarmKind:
        page = located(ROOT, PAGES) / f"{kind.page}.md"
        assert page.is_file(), page
        assert kind.value in page.read_text()
