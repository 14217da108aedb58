"""The pytest side of conformance: marks, one case of a check for each run, and an account of what happened.

Registered by tests/conformance/conftest.py. A check is a function whose arguments are named after phases
(`imagekit.checks.contract.model.Phase`); its docstring is the promise. Mark: ``contract(section, basis="seen")``.
With the session file of `imagekit.checks.contract.suite` facts are read from there; without one they are recorded
first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from imagekit.base.text import clean, one_line
from imagekit.checks.contract.facts import ImageFacts, NodeFacts
from imagekit.checks.contract.model import (
    Check,
    ContractPath,
    ContractRun,
    Phase,
    RunFacts,
    boot_paths_of,
    needed,
    read_facts,
)
from imagekit.checks.outcome import Outcome
from imagekit.checks.session import Event, append
from imagekit.config.model import Firmware

SESSION_VARIABLE = "IMAGEKIT_CONFORMANCE_SESSION"
BASES = ("seen", "code")
_MARK = "contract(section, basis): the part of the node contract; seen on a real node, or read in its code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Which runs are asked, where the facts are (none: only collect), and where the account goes."""

    contract_runs: tuple[ContractRun, ...]
    facts: Path | None
    events: Path

    def write(self, path: Path) -> None:
        """Write the session file."""
        contract_runs = [
            [contract_run.boot_path, contract_run.firmware, contract_run.until] for contract_run in self.contract_runs
        ]
        facts = os.fspath(self.facts) if self.facts else None
        path.write_text(json.dumps({"contract_runs": contract_runs, "facts": facts, "events": os.fspath(self.events)}))

    @classmethod
    def read(cls, path: Path) -> Session:
        """Read what `write` wrote."""
        data = json.loads(path.read_text())
        contract_runs = (
            ContractRun(ContractPath(boot_path), Firmware(firmware), Phase(until) if until else None)
            for boot_path, firmware, until in data["contract_runs"]
        )
        facts = Path(data["facts"]) if data["facts"] else None
        return cls(contract_runs=tuple(contract_runs), facts=facts, events=Path(data["events"]))


class ConformancePlugin:
    """Hooks for the checks below `folder`."""

    def __init__(self, folder: Path) -> None:
        path = os.environ.get(SESSION_VARIABLE)
        self.session = Session.read(Path(path)) if path else None
        self.contract_runs = self.session.contract_runs if self.session else ()
        self._folder = folder
        self._read: Mapping[str, RunFacts] | None = None

    def ask(self, contract_runs: tuple[ContractRun, ...]) -> None:
        """Where no session file names the runs: these, recorded on the way."""
        if self.session is None:
            self.contract_runs = contract_runs

    @property
    def facts(self) -> Mapping[str, RunFacts] | None:
        """The recorded facts by run, when there is a session with some."""
        if self._read is None and self.session is not None and self.session.facts is not None:
            self._read = read_facts(self.session.facts)
        return self._read

    @pytest.hookimpl
    def pytest_configure(self, config: pytest.Config) -> None:
        """Register the mark."""
        config.addinivalue_line("markers", _MARK)

    @pytest.hookimpl
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One case for each run that comes to every phase the check asks for."""
        phases = needed(metafunc.fixturenames)
        if not self._ours(Path(metafunc.definition.path)) or not phases:
            return
        fitting = [contract_run for contract_run in self.contract_runs if set(phases) <= set(contract_run.phases)]
        metafunc.parametrize(
            "contract_run",
            fitting or [None],
            ids=lambda contract_run: contract_run.name if contract_run else "none",
            scope="session",
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out what no run comes to, mark what needs a machine, and tell what will run."""
        ours = [item for item in items if self._ours(item.path)]
        if self.session is None:
            self._mark(ours)
        gone = [item for item in ours if _contract_run(item) is None]
        items[:] = [item for item in items if item not in gone]
        config.hook.pytest_deselected(items=gone)
        for item in ours:
            self._tell(item, Event.COLLECTED, **_fields(describe(item)), asked=item not in gone)

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell of a check file that cannot be loaded."""
        if report.failed and self.session is not None:
            append(self.session.events, Event.BROKEN, id=report.nodeid or ".", message=clean(report.longreprtext))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Tell that a check began."""
        if self._ours(item.path):
            self._tell(item, Event.STARTED, id=check_id(item))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Tell how a check ended."""
        report = yield
        if self._ours(item.path) and (report.when == "call" or report.outcome != "passed"):
            message = one_line(str(call.excinfo.value) if call.excinfo else "", 400)
            details = "" if report.passed else clean(report.longreprtext)
            outcome = verdict(report, call)
            self._tell(item, Event.ENDED, id=check_id(item), outcome=outcome, message=message, details=details)
        return report

    def _mark(self, items: list[pytest.Item]) -> None:
        for item in items:
            contract_run = _contract_run(item)
            needs = (
                ("docker",)
                if contract_run is None or contract_run.boot_path is ContractPath.IMAGE
                else ("docker", "vm")
            )
            for mark in needs:
                item.add_marker(mark)

    def _ours(self, path: Path) -> bool:
        return path.is_relative_to(self._folder)

    def _tell(self, item: pytest.Item, event: Event, **fields: object) -> None:
        contract_run = _contract_run(item)
        if self.session is not None:
            append(self.session.events, event, contract_run=contract_run.name if contract_run else "", **fields)


def facts_fixture(phase: Phase) -> object:
    """The fixture of a phase's name: its facts on the run that this case of the check is for."""

    @pytest.fixture(scope="session", name=phase.value)
    def found(run_facts: RunFacts) -> ImageFacts | NodeFacts:
        return run_facts.at(phase)

    return found


def describe(item: pytest.Item) -> Check:
    """The metadata of a check; raises `pytest.UsageError` when it has no docstring or no contract mark."""
    doc = (getattr(getattr(item, "function", None), "__doc__", None) or "").strip()
    mark = item.get_closest_marker("contract")
    if not doc or mark is None or not mark.args:
        raise pytest.UsageError(f"{item.nodeid}: a check needs a docstring (the promise) and a contract mark")
    basis = str(mark.kwargs.get("basis", "seen"))
    if basis not in BASES:
        raise pytest.UsageError(f"{item.nodeid}: basis is one of {', '.join(BASES)}")
    more = " ".join(f"[{word}]" for word in _own_parameters(item))
    return Check(
        id=check_id(item),
        title=one_line(doc.splitlines()[0].rstrip(".")) + (f" {more}" if more else ""),
        section=str(mark.args[0]),
        basis=basis,
        boot_paths=boot_paths_of(needed(getattr(item, "fixturenames", ()))),
    )


def check_id(item: pytest.Item) -> str:
    """``file/name``, and the check's own parameter in brackets; the run is not part of it."""
    words = _own_parameters(item)
    name = getattr(item, "originalname", item.name)
    return f"{item.path.stem}/{name}".replace("test_", "") + (f"[{'-'.join(words)}]" if words else "")


def _own_parameters(item: pytest.Item) -> list[str]:
    callspec = getattr(item, "callspec", None)
    return [str(value) for name, value in callspec.params.items() if name != "contract_run"] if callspec else []


def verdict(report: pytest.TestReport, call: pytest.CallInfo[None]) -> Outcome:
    """`FAILED` when the facts say otherwise or lack what must be there; what kept a check from judging is `ERRORED`."""
    if report.passed:
        return Outcome.PASSED
    if report.skipped:
        return Outcome.SKIPPED
    against = (AssertionError, LookupError, pytest.fail.Exception)
    judged = call.excinfo is not None and call.excinfo.errisinstance(against)
    return Outcome.FAILED if judged and call.when == "call" else Outcome.ERRORED


def _contract_run(item: pytest.Item) -> ContractRun | None:
    callspec = getattr(item, "callspec", None)
    found = callspec.params.get("contract_run") if callspec else None
    return found if isinstance(found, ContractRun) else None


def _fields(check: Check) -> dict[str, object]:
    return {
        "id": check.id,
        "title": check.title,
        "section": check.section,
        "basis": check.basis,
        "boot_paths": list(check.boot_paths),
    }
