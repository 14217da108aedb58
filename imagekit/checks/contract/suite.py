"""Run the checks of tests/conformance over recorded facts, in a process of their own, and account for each."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagekit.base.errors import ConfigError, ToolError
from imagekit.base.log import step
from imagekit.base.process import run
from imagekit.base.reason import summary
from imagekit.checks.contract.model import Check, CheckVerdict, Conformance, ContractPath, ContractRun
from imagekit.checks.outcome import Outcome
from imagekit.checks.session import Event, read_events

_SECONDS = 120.0
_BROKE = (3, 4)


class NoChecksError(ConfigError):
    """No check was collected: nothing would be proven."""


class ConformanceSuiteError(ToolError):
    """The process that runs the checks broke down, or a check file cannot be loaded."""


@dataclass(slots=True)
class _Account:
    checks: dict[str, Check] = field(default_factory=dict)
    asked: dict[str, list[str]] = field(default_factory=dict)
    ended: dict[tuple[str, str], CheckVerdict] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


def judge(checks: Path, out: Path, subject: str, contract_runs: Sequence[ContractRun], facts: Path) -> Conformance:
    """Hold the facts of these runs against every check in the folder `checks`; `out` keeps pytest's words.

    Raises `NoChecksError` when nothing was collected, `ConformanceSuiteError` when pytest or a check file is broken.
    """
    with step("Judging the facts") as reported:
        account = _run(checks, out, contract_runs, facts, ())
        verdicts = {check: _verdicts(account, check) for check in account.checks if account.asked[check]}
        found = Conformance(
            subject=subject,
            contract_runs=tuple(contract_run.name for contract_run in contract_runs),
            checks=tuple(check for name, check in account.checks.items() if account.asked[name]),
            verdicts=verdicts,
        )
        if not found.checks:
            raise NoChecksError("no check was collected for these boot paths", hint=f"Checks are kept in {checks}.")
        reported.note = ", ".join(f"{found.count(outcome)} {outcome}" for outcome in Outcome if found.count(outcome))
    return found


def list_checks(checks: Path, out: Path) -> tuple[Check, ...]:
    """All checks of the folder, whatever boot path they are for."""
    contract_runs = [ContractRun(boot_path) for boot_path in ContractPath]
    found = tuple(_run(checks, out, contract_runs, None, ("--collect-only",)).checks.values())
    if not found:
        raise NoChecksError("no check was collected", hint=f"Checks are kept in {checks}.")
    return found


def _verdicts(account: _Account, check: str) -> Mapping[str, CheckVerdict]:
    missing = CheckVerdict(outcome=Outcome.MISSING, message="collected and never ended")
    return {contract_run: account.ended.get((check, contract_run), missing) for contract_run in account.asked[check]}


def _run(
    checks: Path, out: Path, contract_runs: Sequence[ContractRun], facts: Path | None, extra: Sequence[str]
) -> _Account:
    from imagekit.checks.contract.plugin import SESSION_VARIABLE, Session

    if not checks.is_dir():
        raise NoChecksError(f"there is no folder {checks}", hint="The checks belong to the project; see its clone.")
    shutil.rmtree(out / "conformance", ignore_errors=True)
    work = out / "conformance"
    work.mkdir(parents=True)
    session = Session(
        contract_runs=tuple(contract_runs), facts=facts and facts.resolve(), events=(work / "events.jsonl").resolve()
    )
    session.write(work / "session.json")
    environment = {
        SESSION_VARIABLE: os.fspath((work / "session.json").resolve()),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.fspath(Path(__file__).resolve().parents[3]),
    }
    done = run(
        (sys.executable, "-P", "-m", "pytest", *_options(checks), *extra, checks),
        timeout=_SECONDS,
        env=environment,
        cwd=work,
        ok=range(256),
    )
    (work / "pytest.log").write_text(done.stdout + done.stderr)
    account = _read(session.events)
    if done.returncode in _BROKE or done.returncode > 128 or account.broken:
        words = account.broken[0] if account.broken else summary(done.stdout + done.stderr)
        raise ConformanceSuiteError("the conformance checks cannot be run", hint=words)
    return account


def _options(checks: Path) -> tuple[str, ...]:
    return (
        *("-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", os.fspath(checks), "--confcutdir"),
        *(os.fspath(checks), "--import-mode=importlib", "--strict-markers", "-W", "error", "-q", "--tb=short"),
        *("--color=no", "--no-header", "--continue-on-collection-errors"),
    )


def _read(events: Path) -> _Account:
    account = _Account()
    for event in read_events(events):
        match Event(event.pop("event")):
            case Event.COLLECTED:
                _collected(account, event)
            case Event.BROKEN:
                account.broken.append(f"{event['id']}: {event['message']}")
            case Event.ENDED:
                _ended(account, event)
            case Event.STARTED:
                continue
    return account


def _collected(account: _Account, event: dict[str, Any]) -> None:
    contract_run, asked = event.pop("contract_run"), event.pop("asked")
    account.checks[event["id"]] = Check(
        **{**event, "boot_paths": tuple(ContractPath(boot_path) for boot_path in event["boot_paths"])}
    )
    where = account.asked.setdefault(event["id"], [])
    if asked:
        where.append(contract_run)


def _ended(account: _Account, event: dict[str, Any]) -> None:
    """A check that passed and then failed to clean up is errored: the worse word stays."""
    key = (event["id"], event["contract_run"])
    if key not in account.ended or account.ended[key].outcome is Outcome.PASSED:
        outcome = Outcome(event["outcome"])
        account.ended[key] = CheckVerdict(outcome=outcome, message=event["message"], details=event["details"])
