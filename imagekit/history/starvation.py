"""What has starved: it should have happened by now and has not, whatever colour the last run had (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from imagekit.history.model import GateAnswer, Night, NightOutcome

# A day and two hours: a night may begin late and takes its time, the second one in a row may not be missing.
LONGEST_WAIT = timedelta(hours=26)
_CLOCKS = timedelta(minutes=10)  # by which two machines' may differ


class AlarmKind(StrEnum):
    """What has starved; docs/runbook has a page for each, see `page`."""

    CHANNEL = "channel does not move"
    GATE = "gate is never green"
    SUITE = "suite does not run"
    NIGHT_MISSED = "nightly missed"
    NIGHT_CANCELLED = "nightly cancelled"
    NIGHT_RED = "nightly never green"

    @property
    def page(self) -> str:
        """The page of the runbook."""
        return _PAGES[self]


_PAGES = {
    AlarmKind.CHANNEL: "channel-starved",
    AlarmKind.GATE: "gate-starved",
    AlarmKind.SUITE: "suite-starved",
    AlarmKind.NIGHT_MISSED: "night-missed",
    AlarmKind.NIGHT_CANCELLED: "night-cancelled",
    AlarmKind.NIGHT_RED: "night-red",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One thing that has starved, `since` when; None: it never happened."""

    kind: AlarmKind
    subject: str
    since: datetime | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A channel (or ``publish``) began to point at a digest of an image."""

    at: datetime
    channel: str
    image: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """Where what enters a channel comes from, and how long it has to stay there before it may."""

    channel: str
    source: str
    soak: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """All that alarms are raised from. `suites` gives each suite's last real run, None for one that never ran."""

    now: datetime
    moves: Sequence[Move] = ()
    feeds: Sequence[Feed] = ()
    gates: Sequence[GateAnswer] = ()
    suites: Mapping[str, datetime | None]
    nights: Sequence[Night] = ()
    images: Sequence[str] = ()
    nights_expected: bool = True


def alarms(seen: Observed, longest: timedelta = LONGEST_WAIT) -> tuple[Alarm, ...]:
    """Everything that has starved for longer than `longest`.

    What is dated later than now (a clock that was wrong, a question about an earlier day) makes nothing quiet.
    """
    latest = seen.now + _CLOCKS
    seen = replace(
        seen,
        moves=[each for each in seen.moves if each.at <= latest],
        gates=[each for each in seen.gates if each.at <= latest],
        nights=[each for each in seen.nights if each.started <= latest],
        suites={name: last if last is None or last <= latest else None for name, last in seen.suites.items()},
    )
    return (
        *_channels(seen, longest),
        *_gates(seen, longest),
        *_suites(seen, longest),
        *(alarm for image in seen.images if seen.nights_expected for alarm in _nights(seen, image, longest)),
    )


def _channels(seen: Observed, longest: timedelta) -> Iterable[Alarm]:
    """A channel starves while its source has had something newer, ripe, for longer than `longest`.

    The first newer digest counts: one that is replaced by a newer one every night does not make the wait begin anew.
    """
    for feed in seen.feeds:
        for image in dict.fromkeys(move.image for move in seen.moves):
            offered = [each for each in seen.moves if (each.channel, each.image) == (feed.source, image)]
            taken = [each for each in seen.moves if (each.channel, each.image) == (feed.channel, image)]
            last = max(taken, key=lambda each: each.at, default=None)
            waiting = [each for each in offered if last is None or (each.at > last.at and each.digest != last.digest)]
            ripe = min((each.at + feed.soak for each in waiting), default=None)
            if ripe is None or seen.now - ripe <= longest:
                continue
            stands = f"points at {short(last.digest)} since {_day(last.at)}" if last else "never pointed at anything"
            text = f"{feed.channel} of {image} {stands}; {feed.source} offers {len(waiting)} newer since {_day(ripe)}"
            yield Alarm(kind=AlarmKind.CHANNEL, subject=f"{feed.channel}/{image}", since=ripe, text=text)


def _gates(seen: Observed, longest: timedelta) -> Iterable[Alarm]:
    """A gate starves while it was asked and every answer since its last yes was no, for longer than `longest`."""
    for channel, image in sorted({(each.channel, each.image) for each in seen.gates}):
        asked = [each for each in seen.gates if (each.channel, each.image) == (channel, image)]
        green = max((each.at for each in asked if each.passed), default=None)
        no = [each for each in asked if not each.passed and (green is None or each.at > green)]
        if not no or seen.now - no[0].at <= longest:
            continue
        before = f"last green {_day(green)}" if green else "it was never green"
        text = f"gate of {channel} for {image}: {len(no)} times no, {before}; the last reason: {no[-1].reason}"
        yield Alarm(kind=AlarmKind.GATE, subject=f"{channel}/{image}", since=no[0].at, text=text)


def _suites(seen: Observed, longest: timedelta) -> Iterable[Alarm]:
    for suite, last in sorted(seen.suites.items()):
        if last is None or seen.now - last > longest:
            when = f"last ran {_day(last)}" if last else "has never run here"
            yield Alarm(kind=AlarmKind.SUITE, subject=suite, since=last, text=f"suite {suite} {when}")


def _nights(seen: Observed, image: str, longest: timedelta) -> Iterable[Alarm]:
    """Missed: none began lately. Cancelled: one ended so, or never said how. Red: none was green lately."""
    all_nights = [each for each in seen.nights if each.image == image]
    last = max(all_nights, key=lambda each: each.started, default=None)
    if last is None or seen.now - last.started > longest:
        when = f"the last began {_day(last.started)}" if last else "there was none yet"
        yield Alarm(
            kind=AlarmKind.NIGHT_MISSED,
            subject=image,
            since=last.started if last else None,
            text=f"no nightly of {image}: {when}",
        )
        return
    if last.outcome is NightOutcome.CANCELLED or (last.outcome is NightOutcome.RUNNING and _stuck(last, seen.now)):
        how = "was cancelled" if last.outcome is NightOutcome.CANCELLED else "began and never said how it ended"
        text = f"the nightly of {image} of {_day(last.started)} {how}"
        yield Alarm(kind=AlarmKind.NIGHT_CANCELLED, subject=image, since=last.started, text=text)
    # A night that found drift did its work; one that could not tell, or that saw what is shipped broken, did not.
    green = max((each.started for each in all_nights if _did_its_work(each)), default=None)
    begun = green or min(each.started for each in all_nights)
    if seen.now - begun > longest:
        when = f"since {_day(green)}" if green else f"of {len(all_nights)} so far"
        text = f"no nightly of {image} was green {when}; the last: {last.outcome.value}"
        yield Alarm(kind=AlarmKind.NIGHT_RED, subject=image, since=begun, text=text)


def _did_its_work(night: Night) -> bool:
    return night.outcome in (NightOutcome.GREEN, NightOutcome.DRIFT)


def _stuck(night: Night, now: datetime) -> bool:
    """GitHub ends a job after six hours, so a night that still runs after eight does not."""
    return now - night.started > timedelta(hours=8)


def short(digest: str) -> str:
    """The first 12 hex digits of a digest."""
    return digest.removeprefix("sha256:")[:12]


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
