"""What the events of a test process come to: an outcome for every check that was expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagekit.checks.judged import Judged
from imagekit.checks.outcome import CheckResult, Outcome
from imagekit.checks.request import EmptySuiteError, Suites, empty_suite
from imagekit.checks.session import CheckMeta, Event, Session, read_events
from imagekit.checks.suites import known_suites, require_suites


@dataclass(slots=True)
class Account:
    """What the events say, check by check, in the order of collection."""

    expected: dict[str, CheckMeta] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    ended: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: list[dict[str, Any]] = field(default_factory=list)


def read_account(session: Session) -> Account:
    """What a session's event file says so far, also after the process was killed."""
    account = Account()
    for event in read_events(Path(session.events)):
        name = event.pop("event")
        match Event(name):
            case Event.COLLECTED:
                account.expected.setdefault(event["id"], CheckMeta.of_event(event))
            case Event.BROKEN:
                account.broken.append(event)
            case Event.STARTED:
                account.started.append(event["id"])
            case Event.ENDED:
                _end(account, event)
    return account


def _end(account: Account, event: dict[str, Any]) -> None:
    """A check that passed and then failed to clean up is errored: the worse word stays."""
    earlier = account.ended.get(event["id"])
    if earlier is None or earlier["outcome"] == Outcome.PASSED:
        account.ended[event["id"]] = event


def require_checks(layers: Sequence[str], suites: Suites, account: Account) -> None:
    """Raise `EmptySuiteError` for a layer or suite without a check, or for a selection that selects none."""
    if suites.selection.partial:
        _require_each_suite(layers, suites, account)
        if not account.expected and not account.broken:
            raise EmptySuiteError(
                f"no check is selected by {suites.selection.said}",
                hint="`imagekit check list` shows every check; -k takes parts of their names, with and, or, not.",
            )
        return
    alive = {check.layer for check in account.expected.values()} | {_layer_of(each["id"]) for each in account.broken}
    for layer in layers:
        if layer not in alive:
            raise empty_suite(layer, suites.checks_root / layer)


def _require_each_suite(layers: Sequence[str], suites: Suites, account: Account) -> None:
    """A suite that was asked for by name and of which nothing is run would pass by being silent."""
    require_suites(suites.selection.suites, known_suites(layers, suites.checks_root))
    alive = {name for check in account.expected.values() for name in check.suites}
    for name in suites.selection.suites:
        if name not in alive and not account.broken:
            raise EmptySuiteError(
                f"no check of suite {name} is to be run here",
                hint="Its checks may be for other boot paths (--boot), or -k and --failed leave none of it.",
            )


def _layer_of(node_id: str) -> str:
    return node_id.partition("/")[0]


def results_of(account: Account, late: str, judged: Judged | None = None) -> tuple[CheckResult, ...]:
    """One result for each check, files that cannot be loaded first.

    `late` is why checks that were collected did not run; `judged` has the results of checks that judge a cold boot.
    """
    broken = tuple(_broken(each) for each in account.broken)
    return broken + tuple(
        judged.result(meta) if meta.cold and judged is not None else _result(meta, account, late)
        for meta in account.expected.values()
    )


def _broken(event: dict[str, Any]) -> CheckResult:
    return CheckResult(
        id=event["id"],
        layer=_layer_of(event["id"]),
        title="the check file loads",
        outcome=Outcome.ERRORED,
        seconds=0.0,
        message="the check file cannot be loaded",
        details=event["message"],
        runbook="harness",
    )


def _result(meta: CheckMeta, account: Account, late: str) -> CheckResult:
    ended = account.ended.get(meta.id)
    if ended is not None:
        outcome, message = Outcome(ended["outcome"]), ended["message"]
    elif meta.id in account.started:
        outcome, message = Outcome.ERRORED, late or "began and never ended: the process died"
    else:
        outcome, message = Outcome.MISSING, late or "collected and never run"
    return CheckResult(
        id=meta.id,
        layer=meta.layer,
        title=meta.title,
        outcome=outcome,
        seconds=ended["seconds"] if ended else 0.0,
        required=meta.required,
        message=message,
        details=ended["details"] if ended else "",
        runbook=meta.runbook,
        ticket=meta.ticket,
        expires=meta.expires,
        owner=meta.owner,
        muted_by=meta.muted_by,
        suites=meta.suites,
        attempts=tuple(ended.get("attempts", ())) if ended else (),
    )
