"""Rows of the history as frozen data; times are aware and in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from imagekit.checks.outcome import Outcome
from imagekit.report.result import Verdict


class NightOutcome(StrEnum):
    """How a nightly run of an image ended; `RUNNING` also stands for one that never said how it ended."""

    GREEN = "green"
    DRIFT = "drift"
    BROKEN = "broken"
    UNKNOWN = "could not tell"
    CANCELLED = "cancelled"
    RUNNING = "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run: `seconds` of wall time, `size` of the image in packed bytes (0: not built).

    A `trial` is no run of the image: what a night built and tested beside it.
    """

    run_id: str
    image: str
    digest: str
    version: str
    started: datetime
    verdict: Verdict
    seconds: float
    size: int
    published: bool
    trial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """One check (or scenario) in one run; not `fresh`: an earlier run's result, told again.

    `trial`: the run was one, see `Run`.
    """

    run_id: str
    started: datetime
    image: str
    digest: str
    name: str
    layer: str
    outcome: Outcome
    required: bool
    fresh: bool
    trial: bool = False
    ticket: str = ""
    expires: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootCost:
    """What a boot cost: seconds to SSH, seconds of processor time."""

    image: str
    started: datetime
    path: str
    seconds: float
    cpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A nightly run; `behind` counts packages with a newer version upstream, None where that was not looked at."""

    night_id: str
    image: str
    started: datetime
    ended: datetime | None
    outcome: NightOutcome
    text: str = ""
    behind: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAnswer:
    """What the gate of a channel said of a digest."""

    at: datetime
    image: str
    channel: str
    digest: str
    passed: bool
    reason: str


def instant(text: str) -> datetime:
    """A time as results write it; raises `ValueError` for one without its zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"a time without its zone: {text!r}")
    return found.astimezone(UTC)
