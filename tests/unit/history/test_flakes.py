"""The flake ledger."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest

from imagekit.checks.outcome import Outcome
from imagekit.history.flakes import STABLE, Standing, flakes
from imagekit.history.model import CheckRun

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
TODAY = date(2026, 6, 10)


def ran(
    number: int,
    outcome: Outcome,
    digest: str = "sha256:a",
    mark: Mapping[str, str] | None = None,
    *,
    fresh: bool = True,
) -> CheckRun:
    return CheckRun(
        run_id=f"r{number}",
        started=NOON + timedelta(hours=number),
        image="node",
        digest=digest,
        name="base::x",
        layer="base",
        outcome=outcome,
        required=not mark,
        fresh=fresh,
        trial=False,
        **(mark or {}),
    )


def test_a_check_that_failed_and_passed_on_one_digest_is_flaky() -> None:
    [flake] = flakes([ran(1, Outcome.PASSED), ran(2, Outcome.FAILED), ran(3, Outcome.PASSED)], TODAY)
    assert (flake.failures, flake.runs, flake.standing) == (1, 3, Standing.OPEN)
    assert flake.first == flake.last == NOON + timedelta(hours=2)


@pytest.mark.parametrize(
    "runs",
    [
        [ran(1, Outcome.PASSED), ran(2, Outcome.FAILED, "sha256:b")],  # another digest: a regression
        [ran(1, Outcome.FAILED), ran(2, Outcome.FAILED)],
        [ran(1, Outcome.PASSED, fresh=False), ran(2, Outcome.FAILED)],  # a result told again proves nothing
        [ran(1, Outcome.PASSED, ""), ran(2, Outcome.FAILED, "")],  # of no digest
        [ran(1, Outcome.PASSED), ran(2, Outcome.SKIPPED), ran(3, Outcome.MISSING)],
        [],
    ],
)
def test_what_is_no_flake(runs: list[CheckRun]) -> None:
    assert flakes(runs, TODAY) == ()


def test_a_quarantine_rearms_itself_on_its_day() -> None:
    mark = {"ticket": "IK-7", "expires": "2026-06-10", "owner": "ada"}
    runs = [ran(1, Outcome.PASSED, mark=mark), ran(2, Outcome.FAILED, mark=mark)]
    assert flakes(runs, date(2026, 6, 9))[0].standing is Standing.QUARANTINED
    [flake] = flakes(runs, date(2026, 6, 10))
    assert (flake.standing, flake.owner, flake.ticket) == (Standing.REARMED, "ada", "IK-7")


def test_what_is_stable_again_asks_to_be_required() -> None:
    mark = {"ticket": "IK-7", "expires": "2026-12-01"}
    runs = [ran(1, Outcome.FAILED, mark=mark), *(ran(n, Outcome.PASSED, mark=mark) for n in range(2, STABLE + 2))]
    assert flakes(runs[:-1], TODAY)[0].standing is Standing.QUARANTINED
    assert flakes(runs, TODAY)[0].standing is Standing.STABLE


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.8])
def test_the_rate_is_that_of_a_known_stream(rate: float) -> None:
    dice = random.Random(7)
    outcomes = [Outcome.FAILED if dice.random() < rate else Outcome.PASSED for _ in range(2000)]
    [flake] = flakes([ran(number, outcome) for number, outcome in enumerate(outcomes)], TODAY)
    assert flake.rate == pytest.approx(rate, abs=0.03)
