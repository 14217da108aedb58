"""Requirements on test results: which count, and each check and scenario in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from imagekit.base.text import one_line
from imagekit.trust.evidence.statement import TEST_RESULT_TYPE
from imagekit.trust.evidence.testrun import SCENARIO_PREFIX as SCENARIO
from imagekit.trust.evidence.testrun import CheckRow, TestRun, read_run
from imagekit.trust.finding import Finding, Requirement, Status, finding
from imagekit.trust.gate.hardened import hardening
from imagekit.trust.gate.mutes import mute_of
from imagekit.trust.gate.policy import CURRENT, Tests, span
from imagekit.trust.gate.view import Accepted, View, named, shown
from imagekit.trust.sign.trust import day
from imagekit.trust.sign.trustfile import Purpose


@dataclass(frozen=True, slots=True)
class _Result:
    item: Accepted
    run: TestRun


def tests(view: View, wanted: Tests) -> list[Finding]:
    """One finding for the whole, one for each boot path, check and scenario asked for, one for each failure."""
    found = view.of(TEST_RESULT_TYPE, Purpose.BUILD)
    results = [_Result(item, read_run(item.statement)) for item in found.accepted]
    judged = [(result, _flaw(view, result, wanted)) for result in results]
    counted = [result for result, flaw in judged if not flaw]
    flaws = tuple(f"{named(result.item.source)}: {flaw}" for result, flaw in judged if flaw)
    broken = [f"{named(result.item.source)}: {result.run.flaw}" for result in results if result.run.flaw]
    if broken:
        whole = finding(Requirement.TESTS, False, f"a trusted test result is none: {'; '.join(broken[:5])}")
    elif not counted:
        refused = "; ".join((*flaws, *found.refused))
        reason = f"no test result counts: {refused}" if refused else "there is no test result"
        whole = finding(Requirement.TESTS, False, reason)
    else:
        whole = _whole(view, counted)
    return [
        whole,
        *_boot_paths(counted, wanted.boot_paths),
        *_failures(results),
        *_muted(view, results, wanted),
        *_checks(counted, results, wanted.checks),
        *_suites(counted, wanted.required_suites),
        *hardening((check for result in counted for check in result.run.checks), wanted.hardening),
        *_scenarios(counted, results, wanted.scenarios),
        *_limits(results, wanted.scenarios),
    ]


def _flaw(view: View, result: _Result, wanted: Tests) -> str:
    """Why a result by a trusted key does not count; empty when it does."""
    run = result.run
    if run.flaw:
        return run.flaw
    if problem := _unknown_suite(view, run.suite, wanted.suites):
        return problem
    if problem := _not_cold(run, wanted):
        return problem
    return _out_of_time(view, result, wanted.max_age)


def _not_cold(run: TestRun, wanted: Tests) -> str:
    """Only what says of every machine that it was booted for this is a result of cold boots."""
    if wanted.start is None:
        return ""
    other = [start for start in (*(run.starts or ("",)), *run.scenario_starts) if start != wanted.start]
    if not other:
        return ""
    said = "does not say how its machines were started" if not other[0] else f"comes from a {other[0][:20]}"
    return f"{said}, and the policy wants {wanted.start} boots"


def _unknown_suite(view: View, suite: str, wanted: Iterable[str]) -> str:
    if not suite:
        return "does not say which checks were run"
    allowed = {each for each in wanted if each != CURRENT}
    current = view.evidence.suites.get(view.evidence.image)
    if CURRENT in wanted and current is None and suite not in allowed:
        return f"this project has no image {view.evidence.image!r}, so its current checks are not known"
    if suite not in allowed | {current}:
        return _other_suite(suite, current if CURRENT in wanted else None)
    return ""


def _other_suite(suite: str, current: str | None) -> str:
    if current is None:
        return f"ran suite {suite[:12]}, which the policy does not allow"
    return (
        f"ran suite {suite[:12]}: the checks here (suite {current[:12]}) differ from those that ran: "
        "run again, or ask from the commit that was tested"
    )


def _out_of_time(view: View, result: _Result, max_age: str | None) -> str:
    """By the time of the tests, which may lie before that of the signature, and by the signature's."""
    times = [at for at in (result.run.tested, result.item.signed_at) if at is not None]
    if any(view.ahead(at) for at in times):
        return f"tested {day(max(times))}, which is in the future"
    if max_age is None:
        return ""
    if not times:
        return "does not say when the tests were run"
    age, limit = view.now - min(times), span(max_age)
    return f"is {shown(age)} old, {shown(limit)} are allowed" if age > limit else ""


def _whole(view: View, counted: list[_Result]) -> Finding:
    newest = max(counted, key=lambda result: str(result.item.signed_at))
    passed = sum(1 for check in newest.run.checks if check.outcome == "passed")
    when = f", {day(newest.item.signed_at)}" if newest.item.signed_at else ""
    reason = f"{passed} of {len(newest.run.checks)} checks passed, suite {newest.run.suite[:12]}{when}"
    return finding(Requirement.TESTS, True, reason, tuple(result.item.source for result in counted))


def _boot_paths(counted: list[_Result], wanted: tuple[str, ...]) -> list[Finding]:
    there = {boot_path for result in counted for boot_path in result.run.boot_paths}
    return [
        finding(
            Requirement.BOOT_PATH,
            boot_path in there,
            "tested on it"
            if boot_path in there
            else f"not tested on it, only on: {', '.join(sorted(there)) or 'none'}",
            about=boot_path,
        )
        for boot_path in wanted
    ]


def _failures(results: list[_Result]) -> list[Finding]:
    """Each required check or scenario that any trusted result, of whatever age, does not call passed."""
    bad: dict[str, str] = {}
    for result in results:
        for name, outcome in result.run.failures.items():
            bad.setdefault(name, f"{outcome}, says {named(result.item.source)}")
    return [_failure(name, reason) for name, reason in sorted(bad.items())]


def _muted(view: View, results: list[_Result], wanted: Tests) -> list[Finding]:
    """Each check that any trusted result calls muted and not passed: waived while a mute that counts here lasts."""
    bad = {check.id: check.outcome for result in results for check in result.run.checks if _is_muted(check)}
    return [_muted_check(view, name, outcome, allowed=wanted.muted) for name, outcome in sorted(bad.items())]


def _is_muted(check: CheckRow) -> bool:
    return check.muted and not check.required and check.outcome != "passed"


def _muted_check(view: View, name: str, outcome: str, *, allowed: bool) -> Finding:
    if not allowed:
        return _failure(name, f"{outcome} and muted, which the policy does not take (tests.muted)")
    found = mute_of(view, name.partition(":")[2] if _on_path(name) else name)
    if found is None:
        return _failure(name, f"{outcome}; it was muted then, and no mute of it counts now")
    mute, source = found
    reason = f"{outcome}; muted by {mute.person} until {day(mute.expires)}: {mute.ticket}"
    return Finding(requirement=Requirement.CHECK, about=name, status=Status.WAIVED, reason=reason, sources=(source,))


def _on_path(name: str) -> bool:
    """Whether an id begins with the boot path: ``live:base/test_x.py::test_y``."""
    return ":" in name.partition("/")[0]


def _checks(counted: list[_Result], results: list[_Result], wanted: tuple[str, ...]) -> list[Finding]:
    failed = _failed(results)
    found = []
    for pattern in wanted:
        if pattern in failed:
            continue  # told among the failures
        outcomes = [
            check.outcome for result in counted for check in result.run.checks if fnmatchcase(check.id, pattern)
        ]
        if not outcomes:
            found.append(finding(Requirement.CHECK, False, "missing: no check of that name was run", about=pattern))
        elif bad := sorted({outcome for outcome in outcomes if outcome != "passed"}):
            found.append(finding(Requirement.CHECK, False, f"{', '.join(bad)} where it had to pass", about=pattern))
        else:
            found.append(finding(Requirement.CHECK, True, f"passed ({len(outcomes)})", about=pattern))
    return found


def _suites(counted: list[_Result], wanted: tuple[str, ...]) -> list[Finding]:
    """Each suite by the checks themselves, whatever a list beside them says; how each ended has its own finding."""
    found = []
    for name in wanted:
        outcomes = [check.outcome for result in counted for check in result.run.checks if name in check.suites]
        passed = outcomes.count("passed")
        reason = f"{passed} of {len(outcomes)} checks passed" if outcomes else "missing: no check of this suite was run"
        found.append(finding(Requirement.SUITE, passed > 0, reason, about=name))
    return found


def _scenarios(counted: list[_Result], results: list[_Result], wanted: tuple[str, ...]) -> list[Finding]:
    failed = _failed(results)
    found = []
    for name in wanted:
        passed = [result for result in counted if result.run.scenarios.get(name) == "passed"]
        if SCENARIO + name in failed or any(name in result.run.limits for result in results):
            continue  # told among the failures, or the limits
        if passed:
            found.append(finding(Requirement.SCENARIO, True, "passed", (passed[-1].item.source,), about=name))
        else:
            outcomes = {result.run.scenarios[name] for result in counted if name in result.run.scenarios}
            reason = ", ".join(sorted(outcomes)) or "missing: it was not run"
            found.append(finding(Requirement.SCENARIO, False, reason, about=name))
    return found


def _limits(results: list[_Result], wanted: tuple[str, ...]) -> list[Finding]:
    """Each scenario that met a limit of its framework in any trusted result: it is told, and not what was asked for."""
    limits = {name: limit for result in results for name, limit in result.run.limits.items()}
    return [
        finding(
            Requirement.SCENARIO,
            name not in wanted,
            f"not kept, a limit of its framework{', which nobody asks for here' if name not in wanted else ''}: "
            f"{one_line(limit, 400)}",
            about=name,
        )
        for name, limit in sorted(limits.items())
        if SCENARIO + name not in _failed(results)
    ]


def _failed(results: list[_Result]) -> set[str]:
    return {name for result in results for name in result.run.failures}


def _failure(name: str, reason: str) -> Finding:
    """A check by its id, or ``scenario/<name>``, that did not pass."""
    if name.startswith(SCENARIO):
        return finding(Requirement.SCENARIO, False, reason, about=name.removeprefix(SCENARIO))
    return finding(Requirement.CHECK, False, reason, about=name)
