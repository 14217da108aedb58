"""A test result read again as data, check by check; nothing in it is believed because a summary says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from imagekit.checks.outcome import Outcome
from imagekit.trust.evidence.statement import Statement

_GOOD = ("PASSED", "WARNED")
SCENARIO_PREFIX = "scenario/"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One check as a statement tells it."""

    id: str
    outcome: str
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    """What a test result says; `tested` is when the tests ran, None where it does not say so readably.

    `failures` maps every required check and scenario (``scenario/<name>``) that did not pass to its outcome.
    """

    __test__ = False  # for pytest, which takes the name for a test

    summary: str
    suite: str
    roads: tuple[str, ...]
    checks: tuple[CheckRow, ...]
    scenarios: Mapping[str, str]
    failures: Mapping[str, str]
    tested: datetime | None

    @property
    def consistent(self) -> bool:
        """Whether the summary is good, or the single rows say why it is not."""
        return self.summary in _GOOD or bool(self.failures)


def read_run(statement: Statement) -> TestRun:
    """Read a test result; what is not there or cannot be read is empty, and empty never counts as passed."""
    fields = statement.predicate
    checks = tuple(_check(entry) for entry in _dicts(fields.get("checks")))
    scenarios: dict[str, str] = {}
    for entry in _dicts(fields.get("scenarios")):
        name, outcome = str(entry.get("name")), str(entry.get("outcome"))
        if scenarios.get(name, Outcome.PASSED) == Outcome.PASSED:  # told twice: the bad one stays
            scenarios[name] = outcome
    return TestRun(
        summary=str(fields.get("result", "")),
        suite=_suite(fields),
        roads=_roads(fields),
        checks=checks,
        scenarios=scenarios,
        failures=_failures(fields, checks, scenarios),
        tested=_time(fields.get("testedOn")),
    )


def _check(entry: Mapping[str, Any]) -> CheckRow:
    return CheckRow(
        id=str(entry.get("id")), outcome=str(entry.get("outcome")), required=entry.get("required") is not False
    )


def _failures(fields: Mapping[str, Any], checks: tuple[CheckRow, ...], scenarios: Mapping[str, str]) -> dict[str, str]:
    bad = {check.id: check.outcome for check in checks if check.required and check.outcome != Outcome.PASSED}
    bad |= {SCENARIO_PREFIX + name: outcome for name, outcome in scenarios.items() if outcome != Outcome.PASSED}
    listed = fields.get("failedTests") or []
    names = listed if isinstance(listed, list) else ["failedTests"]
    return {**{str(name): str(Outcome.FAILED) for name in names}, **bad}


def _suite(fields: Mapping[str, Any]) -> str:
    hashes = {str(entry["annotations"].get("hash", "")) for entry in _configured(fields, "suite")}
    return hashes.pop() if len(hashes) == 1 else ""


def _roads(fields: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(entry["annotations"].get("road", "")) for entry in _configured(fields, "machine"))


def _configured(fields: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    entries = _dicts(fields.get("configuration"))
    return [entry for entry in entries if entry.get("name") == name and isinstance(entry.get("annotations"), dict)]


def _dicts(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _time(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
