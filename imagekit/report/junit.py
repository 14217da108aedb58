"""The result as JUnit XML: a test suite a layer, a test case a check, and one for each stage."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from junitparser.junitparser import FinalResult

from imagekit.base.files import write_whole
from imagekit.checks.outcome import CheckResult, Outcome
from imagekit.checks.scenario import ScenarioResult
from imagekit.report.card import Fault, card_of, card_text
from imagekit.report.cleaned import cleaned
from imagekit.report.result import RunResult, StageStatus


def render_junit(result: RunResult) -> str:
    """The result as JUnit XML; missing checks are errors, so that no reader takes them for passed."""
    result = cleaned(result)
    card = card_of(result)
    faults = {fault.explain: fault for fault in card.faults} if card else {}
    document = JUnitXml(name=f"imagekit {result.image}")
    document.add_testsuite(_stages(result, card.first if card else None))
    checks = result.suites.checks if result.suites else ()
    for layer in dict.fromkeys(check.layer for check in checks):
        suite = TestSuite(f"{result.image}/{layer}")
        suite.add_testcases([_case(check, faults) for check in checks if check.layer == layer])
        document.add_testsuite(suite)
    if result.scenarios:
        document.add_testsuite(_scenarios(result))
    out = io.BytesIO()
    document.write(out, pretty=True)
    return out.getvalue().decode()


def write_junit(result: RunResult, path: Path) -> Path:
    """Write `render_junit` to a file, whole or not at all."""
    return write_whole(path, render_junit(result))


def _stages(result: RunResult, first: Fault | None) -> TestSuite:
    suite = TestSuite(f"{result.image}/stages")
    for key, value in (("digest", result.digest), ("version", result.version), ("plan", result.plan_id)):
        suite.add_property(key, value)
    for stage in result.stages:
        case = TestCase(stage.name, f"{result.image}.stages", round(stage.seconds, 3))
        if stage.status in (StageStatus.FAILED, StageStatus.MISSING):
            failed = result.failure if result.failure and result.failure.stage == stage.name else None
            error = Error(failed.error if failed else f"stage {stage.status}")
            if failed and first:
                error.text = card_text(first)
            case.result = [error]
        suite.add_testcase(case)
    return suite


def _scenarios(result: RunResult) -> TestSuite:
    suite = TestSuite(f"{result.image}/lifecycle")
    suite.add_testcases([_test_case(scenario) for scenario in result.scenarios])
    return suite


def _test_case(scenario: ScenarioResult) -> TestCase:
    case = TestCase(f"{scenario.name}: {scenario.promise}", "lifecycle")
    case.time = round(scenario.seconds, 3)
    if scenario.limit:
        case.result = [Skipped(scenario.caution)]
    elif (outcome := _ending(scenario.outcome, scenario.detail or str(scenario.outcome))) is not None:
        case.result = [outcome]
    return case


def _case(check: CheckResult, faults: Mapping[str, Fault]) -> TestCase:
    name = check.id.rpartition("::")[2] or check.id
    case = TestCase(f"{name}: {check.title}", check.id.partition("::")[0].removesuffix(".py").replace("/", "."))
    case.time = round(check.seconds, 3)
    if check.attempts:
        case.system_out = f"the node wanted out of the fixture network, in vain: {', '.join(check.attempts)}"
    if (outcome := _outcome(check)) is not None:
        card = next((card_text(fault) for name, fault in faults.items() if name and check.id.endswith(name)), "")
        outcome.text = "\n\n".join(part for part in (card, check.details) if part)
        case.result = [outcome]
    return case


def _outcome(check: CheckResult) -> FinalResult | None:
    message = check.message or str(check.outcome)
    if check.outcome is Outcome.PASSED:
        return None
    if not check.required:
        return Skipped(f"{check.muted}: {check.outcome}: {message}")
    return _ending(check.outcome, message)


def _ending(outcome: Outcome, message: str) -> FinalResult | None:
    match outcome:
        case Outcome.PASSED:
            return None
        case Outcome.FAILED:
            return Failure(message)
        case Outcome.SKIPPED:
            return Skipped(message)
        case _:
            return Error(f"{outcome}: {message}")
