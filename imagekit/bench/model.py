"""Rows of measurements, their goals and whether they were met (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

FORMAT = 1


class Bound(StrEnum):
    """What a goal limits: the ratio to the reference, or the measured value itself."""

    RATIO = "ratio"
    VALUE = "value"


class Met(StrEnum):
    """How a row stands to its goal; `UNKNOWN` is a goal whose number could not be had, `NONE` a row without a goal."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    NONE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """An upper limit, itself allowed."""

    limit: float
    bound: Bound = Bound.RATIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement in `unit`; `reference` is what `against` took in the same run, None where there is none."""

    name: str
    measured: float | None
    unit: str
    against: str = ""
    reference: float | None = None
    goal: Goal | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Measured by reference; None without either, or where the reference is nothing."""
        if self.measured is None or not self.reference:
            return None
        return self.measured / self.reference

    @property
    def met(self) -> Met:
        """Whether the goal was met."""
        if self.goal is None:
            return Met.NONE
        found = self.ratio if self.goal.bound is Bound.RATIO else self.measured
        if found is None:
            return Met.UNKNOWN
        return Met.YES if found <= self.goal.limit else Met.NO


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One benchmark that ended: its rows, or the error that ended it; wall seconds; one-minute load at both ends."""

    name: str
    rows: tuple[Row, ...]
    seconds: float
    load_before: float
    load_after: float
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All benchmarks of one run; `started` is ISO 8601 in UTC, `machine` a line about where it ran."""

    started: str
    command: str
    machine: str
    image: str
    measurements: tuple[Measurement, ...]
    format: int = FORMAT

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every row in order."""
        return tuple(row for each in self.measurements for row in each.rows)

    @property
    def errors(self) -> tuple[str, ...]:
        """What could not be measured, and why."""
        return tuple(f"{each.name}: {each.error}" for each in self.measurements if each.error)

    @property
    def missed(self) -> tuple[Row, ...]:
        """Rows whose goal was not met."""
        return tuple(row for row in self.rows if row.met is Met.NO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One row at the other revision and now; None where it was not measured."""

    name: str
    unit: str
    before: float | None
    now: float | None

    @property
    def ratio(self) -> float | None:
        """Now by before; None without either, or where the other was nothing."""
        return self.now / self.before if self.now is not None and self.before else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Every row of so many `rounds`; `revision` is the commit, `errors` what could not be measured, where and why."""

    revision: str
    rounds: int
    rows: tuple[Compared, ...]
    errors: tuple[str, ...] = ()


def median_pair(pairs: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Of what was measured and its reference, taken one after the other, the pair whose ratio is the middle one.

    So what disturbs one round of both does not count, and both numbers are of one round.
    """
    found = sorted(pairs, key=lambda pair: pair[0] / pair[1])
    return found[(len(found) - 1) // 2]


def median(values: Iterable[float]) -> float:
    """The middle of some numbers; of two middle ones the lower, so that it is a number that was measured."""
    found = sorted(values)
    return found[(len(found) - 1) // 2]
