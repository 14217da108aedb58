"""The in-toto `test-result` predicate: what was run on which machine, and how each check ended.

https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagekit.checks.outcome import CheckResult, Outcome, SuiteResult
from imagekit.checks.scenario import ScenarioResult
from imagekit.machine.interface import BootRecord
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.statement import TEST_RESULT_TYPE, Statement


@dataclass(frozen=True, slots=True)
class Verdict:
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

    A lifecycle scenario stands among the tests as ``scenario/<name>``, and in `scenarios` with what it promises.
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
        "warnedTests": [check.id for check in warned],
        "failedTests": [
            *(check.id for check in required if check.outcome is not Outcome.PASSED),
            *(_test_name(scenario) for scenario in scenarios if not scenario.passed),
        ],
        "checks": [_check(check) for check in suite.checks],
        "scenarios": [_scenario(scenario) for scenario in scenarios],
        "waivers": list(waivers),
        **({"testedOn": tested} if tested else {}),
    }
    return Statement(subject=image, predicate_type=TEST_RESULT_TYPE, predicate=predicate, name=name)


def judge(statement: Statement, image: Digest, *, suite_hash: str | None = None) -> Verdict:
    """Read a verdict out of a test result again, from its single checks, not only from its summary."""
    if statement.subject != image:
        return Verdict(False, f"speaks of {statement.subject.short}, not of {image.short}")
    predicate = statement.predicate
    outcomes = _outcomes(predicate)
    if not outcomes:
        return Verdict(False, "names no checks; nothing was tested")
    bad = [check for check, (outcome, required) in outcomes.items() if required and outcome != Outcome.PASSED]
    bad += _scenarios_not_passed(predicate)
    failed = predicate.get("failedTests") or []
    if bad or failed or predicate.get("result") not in ("PASSED", "WARNED"):
        named = ", ".join(str(check) for check in (bad or failed)[:3])
        return Verdict(False, f"result {predicate.get('result')!s:.20}: {len(bad) or len(failed)} not passed ({named})")
    if not any(required for _, required in outcomes.values()):
        return Verdict(False, "has no required check")
    if suite_hash is not None and _suite_hash(predicate) != suite_hash:
        return Verdict(False, f"ran suite {_suite_hash(predicate)[:12]!r}, not {suite_hash[:12]!r}")
    warned = sum(1 for outcome, required in outcomes.values() if not required and outcome != Outcome.PASSED)
    return Verdict(True, f"{len(outcomes) - warned} checks passed" + (f", {warned} warned" if warned else ""))


def _result(suite: SuiteResult, warned: list[CheckResult], scenarios: Sequence[ScenarioResult]) -> str:
    if not suite.passed or not all(scenario.passed for scenario in scenarios):
        return "FAILED"
    return "WARNED" if warned else "PASSED"


def _configured(name: str, value: str, annotations: dict[str, str]) -> dict[str, Any]:
    """A resource descriptor, which must have one of uri, digest and content."""
    return {"name": name, "uri": f"urn:imagekit:{name}:{value}", "annotations": annotations}


def _machine(boot: BootRecord) -> dict[str, Any]:
    annotations = {
        "road": str(boot.road),
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
    return _configured("machine", str(boot.road), annotations)


def _check(check: CheckResult) -> dict[str, Any]:
    return {
        "id": check.id,
        "layer": check.layer,
        "title": check.title,
        "outcome": str(check.outcome),
        "required": check.required,
        "seconds": round(check.seconds, 3),
    }


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
    }


def _outcomes(predicate: Mapping[str, Any]) -> dict[str, tuple[str, bool]]:
    checks = predicate.get("checks")
    if not isinstance(checks, list):
        return {}
    return {
        str(check.get("id")): (str(check.get("outcome")), check.get("required") is not False)
        for check in checks
        if isinstance(check, dict)
    }


def _scenarios_not_passed(predicate: Mapping[str, Any]) -> list[str]:
    listed = predicate.get("scenarios") or []
    if not isinstance(listed, list):
        return ["scenarios"]
    return [
        f"scenario/{entry.get('name') if isinstance(entry, dict) else entry}"
        for entry in listed
        if not isinstance(entry, dict) or entry.get("outcome") != Outcome.PASSED
    ]


def _suite_hash(predicate: Mapping[str, Any]) -> str:
    for entry in predicate.get("configuration") or []:
        if isinstance(entry, dict) and entry.get("name") == "suite":
            return str((entry.get("annotations") or {}).get("hash", ""))
    return ""
