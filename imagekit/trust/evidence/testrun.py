"""A test result read again as data, check by check; nothing in it is believed because a summary says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from imagekit.base.earlier import boot_path_today, check_id_today
from imagekit.checks.outcome import Outcome
from imagekit.trust.evidence.statement import Statement
from imagekit.trust.evidence.timestamp import read_timestamp

_ACCEPTED = ("PASSED", "WARNED")
SCENARIO_PREFIX = "scenario/"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One check as a statement tells it."""

    id: str
    outcome: str
    required: bool
    muted: bool = False
    suites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    """What a test result says; `tested` is when the tests ran, None where it does not say so readably.

    `starts` says of each machine whether it was booted (``cold``) or forked; empty where it does not say. So does
    `scenario_starts` of scenarios; those of before 2026-12 do not say it and were all booted.
    `failures` maps every required check and scenario (``scenario/<name>``) that did not pass to its outcome, `limits`
    every scenario whose promise the node's framework is known not to keep to what it does not do.
    """

    __test__ = False  # for pytest, which takes the name for a test

    summary: str
    suite: str
    boot_paths: tuple[str, ...]
    starts: tuple[str, ...]
    scenario_starts: tuple[str, ...]
    checks: tuple[CheckRow, ...]
    scenarios: Mapping[str, str]
    failures: Mapping[str, str]
    limits: Mapping[str, str]
    tested: datetime | None
    malformed: str = ""

    @property
    def flaw(self) -> str:
        """Why the result is none, whatever anybody asks for; empty when it is one.

        A trusted result with a flaw closes: nobody knows what it wanted to say.
        """
        if self.malformed:
            return f"cannot be read: {self.malformed}"
        if not self.checks:
            return "names no check; nothing was tested"
        if not any(check.required for check in self.checks):
            return "has no required check"
        if self.summary not in _ACCEPTED and not self.failures:
            return f"the summary says {self.summary[:20] or 'nothing'}, and no check or scenario says why"
        return ""


def read_run(statement: Statement) -> TestRun:
    """Read a test result, the one way that publish, verify and gate do.

    What is not there is empty, and empty never counts as passed; what is of another shape is named in `malformed`.
    """
    fields = statement.predicate
    checks = tuple(_check(entry) for entry in _dicts(fields.get("checks")))
    scenarios: dict[str, str] = {}
    for entry in _dicts(fields.get("scenarios")):
        name, outcome = str(entry.get("name")), str(entry.get("outcome"))
        if scenarios.get(name, Outcome.PASSED) == Outcome.PASSED:  # told twice: the bad one stays
            scenarios[name] = outcome
    limits = _limits(fields, scenarios)
    return TestRun(
        summary=str(fields.get("result") or ""),
        suite=_suite(fields),
        boot_paths=_boot_paths(fields),
        starts=tuple(str(entry["annotations"].get("start", "")) for entry in _configured(fields, "machine")),
        scenario_starts=tuple(str(each["start"]) for each in _dicts(fields.get("scenarios")) if "start" in each),
        checks=checks,
        scenarios=scenarios,
        failures=_failures(fields, checks, {name: said for name, said in scenarios.items() if name not in limits}),
        limits=limits,
        tested=read_timestamp(fields.get("testedOn")),
        malformed=_malformed(fields),
    )


def _malformed(fields: Mapping[str, Any]) -> str:
    """The first field that is of another shape than it should be."""
    for name, keys in (("checks", ("id", "outcome")), ("scenarios", ("name", "outcome")), ("configuration", ())):
        rows = fields.get(name, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return f"{name} is no list of objects"
        if not all(isinstance(row.get(key), str) for row in rows for key in keys):
            return f"an entry of {name} lacks {' or '.join(keys)}"
    if not all(_is_names(row.get("suites", [])) for row in _dicts(fields.get("checks"))):
        return "suites of an entry of checks is no list of names"
    for name in ("passedTests", "warnedTests", "failedTests"):
        if not isinstance(fields.get(name, []), list):
            return f"{name} is no list"
    return ""


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _check(entry: Mapping[str, Any]) -> CheckRow:
    return CheckRow(
        id=check_id_today(str(entry.get("id"))),
        outcome=str(entry.get("outcome")),
        required=entry.get("required") is not False,
        muted="muted" in entry,
        suites=tuple(entry["suites"]) if _is_names(entry.get("suites")) else (),
    )


def _failures(fields: Mapping[str, Any], checks: tuple[CheckRow, ...], scenarios: Mapping[str, str]) -> dict[str, str]:
    bad = {check.id: check.outcome for check in checks if check.required and check.outcome != Outcome.PASSED}
    bad |= {SCENARIO_PREFIX + name: outcome for name, outcome in scenarios.items() if outcome != Outcome.PASSED}
    listed = fields.get("failedTests") or []
    names = listed if isinstance(listed, list) else ["failedTests"]
    return {**{check_id_today(str(name)): str(Outcome.FAILED) for name in names}, **bad}


def _limits(fields: Mapping[str, Any], scenarios: Mapping[str, str]) -> dict[str, str]:
    """Of scenarios that failed, and that every row about them calls limited."""
    found: dict[str, str] = {}
    for entry in _dicts(fields.get("scenarios")):
        name, limit = str(entry.get("name")), entry.get("limit")
        told = scenarios[name] == Outcome.FAILED and isinstance(limit, str) and limit
        found[name] = str(limit) if told and found.get(name, limit) else ""
    return {name: limit for name, limit in found.items() if limit}


def _suite(fields: Mapping[str, Any]) -> str:
    hashes = {str(entry["annotations"].get("hash", "")) for entry in _configured(fields, "suite")}
    return hashes.pop() if len(hashes) == 1 else ""


def _boot_paths(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Of every machine; statements of before 2026-12 call it `road`."""
    notes = [entry["annotations"] for entry in _configured(fields, "machine")]
    return tuple(str(boot_path_today(note.get("bootPath", note.get("road", "")))) for note in notes)


def _configured(fields: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    entries = _dicts(fields.get("configuration"))
    return [entry for entry in entries if entry.get("name") == name and isinstance(entry.get("annotations"), dict)]


def _dicts(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
