"""The flake ledger: checks that failed and passed on one digest, with rate, owner, ticket and expiry (pure)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from imagekit.checks.outcome import Outcome
from imagekit.history.model import CheckRun

_COUNTS = {Outcome.PASSED, Outcome.FAILED, Outcome.ERRORED}  # skipped and missing tell nothing of the check
STABLE = 20  # passes in a row after which a quarantined check should be required again


class Standing(StrEnum):
    """What holds for a flaky check today."""

    OPEN = "nobody's"  # it blocks, and no ticket says that somebody looks at it
    QUARANTINED = "quarantined"
    REARMED = "required again"  # its quarantine has expired
    STABLE = "stable again"  # quarantined, and it passed so often in a row that it should be required


@dataclass(frozen=True, slots=True, kw_only=True)
class Flake:
    """A flaky check: `rate` of failures over all its runs on digests where it ended both ways."""

    name: str
    image: str
    rate: float
    failures: int
    runs: int
    first: datetime
    last: datetime
    digests: tuple[str, ...]
    standing: Standing
    owner: str = ""
    ticket: str = ""
    expires: str = ""


def flakes(found: Iterable[CheckRun], today: date) -> tuple[Flake, ...]:
    """Every check that failed and passed on one digest; the highest rate first."""
    by_check: dict[tuple[str, str], list[CheckRun]] = defaultdict(list)
    for each in found:
        if each.fresh and each.digest and each.outcome in _COUNTS:
            by_check[each.image, each.name].append(each)
    made = [flake for each in by_check.values() if (flake := _flake(each, today)) is not None]
    return tuple(sorted(made, key=lambda each: (-each.rate, each.image, each.name)))


def _flake(all_runs: Sequence[CheckRun], today: date) -> Flake | None:
    ways: dict[str, set[bool]] = defaultdict(set)
    for each in all_runs:
        ways[each.digest].add(each.outcome is Outcome.PASSED)
    both = {digest for digest, ended in ways.items() if len(ended) == 2}
    if not both:
        return None
    counted = [each for each in all_runs if each.digest in both]
    bad = [each for each in counted if each.outcome is not Outcome.PASSED]
    newest = max(all_runs, key=lambda each: each.started)
    return Flake(
        name=newest.name,
        image=newest.image,
        rate=len(bad) / len(counted),
        failures=len(bad),
        runs=len(counted),
        first=min(each.started for each in bad),
        last=max(each.started for each in bad),
        digests=tuple(sorted(both)),
        standing=_standing(all_runs, newest, today),
        owner=newest.owner,
        ticket=newest.ticket,
        expires=newest.expires,
    )


def _standing(all_runs: Sequence[CheckRun], newest: CheckRun, today: date) -> Standing:
    if not newest.expires:
        return Standing.OPEN
    if date.fromisoformat(newest.expires) <= today:
        return Standing.REARMED
    last = sorted(all_runs, key=lambda each: each.started)[-STABLE:]
    stable = len(last) == STABLE and all(each.outcome is Outcome.PASSED for each in last)
    return Standing.STABLE if stable else Standing.QUARANTINED
