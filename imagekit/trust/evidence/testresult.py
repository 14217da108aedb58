"""The in-toto `test-result` predicate: what was run on which machine, and how each check ended.

https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imagekit.checks.hardening.score import scores
from imagekit.checks.outcome import CheckResult, Outcome, SuiteResult
from imagekit.checks.scenario import ScenarioResult
from imagekit.machine.interface import BootRecord
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.statement import TEST_RESULT_TYPE, Statement
from imagekit.trust.evidence.testrun import read_run


@dataclass(frozen=True, slots=True)
class ResultVerdict:
    """Whether a test result proves that a digest passed, and the reason in one line."""

    passed: bool
    reason: str


def result_statement(
    image: Digest,
    suite: SuiteResult,
    boots: Sequence[BootRecord],
    *,
    harness_version: str,
    name: str = "",
    scenarios: Sequence[ScenarioResult] = (),
    tested: str = "",
    waivers: Sequence[str] = (),
) -> Statement:
    """State how the checks of an image ended on the machines they ran on; times are in seconds.

    A lifecycle scenario stands among the tests as ``scenario/<name>``, and in `scenarios` with what it promises; one
    that met a limit of its framework is a warning, with the limit in words, and called failed there all the same.
    `tested` is when the tests began (ISO 8601), `waivers` are digests of the waivers that were valid then.
    """
    required = [check for check in suite.checks if check.required]
    warned = [check for check in suite.checks if not check.required and check.outcome is not Outcome.PASSED]
    predicate = {
        "result": _result(suite, warned, scenarios),
        "configuration": [
            _configured("suite", suite.suite_hash, {"hash": suite.suite_hash}),
            _configured("harness", harness_version, {"tool": "imagekit", "version": harness_version}),
            *(_machine(boot) for boot in boots),
        ],
        "passedTests": [
            *(check.id for check in suite.checks if check.outcome is Outcome.PASSED),
            *(_test_name(scenario) for scenario in scenarios if scenario.passed),
        ],
        "warnedTests": [
            *(check.id for check in warned),
            *(_test_name(scenario) for scenario in scenarios if scenario.limit),
        ],
        "failedTests": [
            *(check.id for check in required if check.outcome is not Outcome.PASSED),
            *(_test_name(scenario) for scenario in scenarios if scenario.blocks),
        ],
        "suites": sorted({name for check in suite.checks for name in check.suites}),
        **_hardening(suite),
        **_scans(suite),
        "checks": [_check(check) for check in suite.checks],
        "scenarios": [_scenario(scenario) for scenario in scenarios],
        "waivers": list(waivers),
        **({"testedOn": tested} if tested else {}),
    }
    return Statement(subject=image, predicate_type=TEST_RESULT_TYPE, predicate=predicate, name=name)


def judge(statement: Statement, image: Digest, *, suite_hash: str | None = None) -> ResultVerdict:
    """Read a verdict out of a test result again, from its single checks, not only from its summary."""
    if statement.subject != image:
        return ResultVerdict(False, f"speaks of {statement.subject.short}, not of {image.short}")
    run = read_run(statement)
    if run.flaw:
        return ResultVerdict(False, run.flaw)
    if run.failures:
        named = ", ".join(list(run.failures)[:3])
        return ResultVerdict(False, f"result {run.summary[:20]}: {len(run.failures)} not passed ({named})")
    if suite_hash is not None and run.suite != suite_hash:
        return ResultVerdict(False, f"ran suite {run.suite[:12]!r}, not {suite_hash[:12]!r}")
    warned = sum(1 for check in run.checks if not check.required and check.outcome != Outcome.PASSED)
    limited = f", limits of the framework: {', '.join(run.limits)}" if run.limits else ""
    said = f"{len(run.checks) - warned} checks passed" + (f", {warned} warned" if warned else "")
    return ResultVerdict(True, said + limited)


def _result(suite: SuiteResult, warned: list[CheckResult], scenarios: Sequence[ScenarioResult]) -> str:
    if not suite.passed or any(scenario.blocks for scenario in scenarios):
        return "FAILED"
    return "WARNED" if warned or any(scenario.limit for scenario in scenarios) else "PASSED"


def _hardening(suite: SuiteResult) -> dict[str, Any]:
    """The score of each hardening profile, for readers; the gate counts the checks themselves."""
    found = scores((check.id, check.outcome) for check in suite.checks)
    rows = {
        each.profile: {
            "controls": each.total,
            "passed": each.passed,
            "score": round(each.value, 4),
            "notPassed": list(each.failed),
            "notLookedAt": list(each.unseen),
        }
        for each in found
    }
    return {"hardening": rows} if rows else {}


def _scans(suite: SuiteResult) -> dict[str, Any]:
    """What OpenSCAP found, by suite: which content by which scanner, rules by result, and the file it wrote."""
    rows = {
        each.suite: {
            "profile": each.profile,
            "benchmark": each.benchmark,
            "content": each.content,
            "scanner": each.scanner,
            "results": {"sha256": each.results},
            "rules": dict(each.counts),
            "score": round(each.score, 4),
            "notApplicable": list(each.not_applicable),
        }
        for each in suite.scans
    }
    return {"openscap": rows} if rows else {}


def _configured(name: str, value: str, annotations: dict[str, str]) -> dict[str, Any]:
    """A resource descriptor, which must have one of uri, digest and content."""
    return {"name": name, "uri": f"urn:imagekit:{name}:{value}", "annotations": annotations}


def _machine(boot: BootRecord) -> dict[str, Any]:
    annotations = {
        "bootPath": str(boot.boot_path),
        "start": str(boot.start),
        "accelerator": str(boot.accelerator),
        "firmware": str(boot.shape.firmware),
        "tpm": str(boot.shape.tpm).lower(),
        "memoryMiB": str(boot.shape.memory_mib),
        "cpus": str(boot.shape.cpus),
        "cpuModel": boot.cpu_model,
        "machine": boot.machine,
        "qemu": boot.qemu_version,
        "secondsToSsh": f"{boot.seconds_to_ssh:.1f}",
        "cpuSeconds": f"{boot.cpu_seconds:.1f}",
    }
    return _configured("machine", str(boot.boot_path), annotations)


def _check(check: CheckResult) -> dict[str, Any]:
    return {
        "id": check.id,
        "layer": check.layer,
        "title": check.title,
        "outcome": str(check.outcome),
        "required": check.required,
        "seconds": round(check.seconds, 3),
        **({"suites": list(check.suites)} if check.suites else {}),
        **({"muted": _muted(check)} if check.muted_by else {}),
    }


def _muted(check: CheckResult) -> dict[str, str]:
    return {"by": check.muted_by, "ticket": check.ticket, "until": check.expires}


def _test_name(scenario: ScenarioResult) -> str:
    return f"scenario/{scenario.name}"


def _scenario(scenario: ScenarioResult) -> dict[str, Any]:
    return {
        "name": scenario.name,
        "promise": scenario.promise,
        "outcome": str(scenario.outcome),
        "seconds": round(scenario.seconds, 3),
        "budget": round(scenario.budget, 3),
        "boots": scenario.boots,
        "start": str(scenario.start),
        **({"limit": scenario.limit} if scenario.limit else {}),
    }
