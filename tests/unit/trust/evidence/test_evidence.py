"""Predicates: the same facts give the same bytes, and a verdict is read from the single checks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from imagekit.artifact.packagelist import PackageListError, packages_of_dpkg, packages_of_rpm
from imagekit.checks.outcome import Outcome, SuiteResult
from imagekit.checks.scap.model import Rule, RuleResult
from imagekit.checks.scenario import ScenarioResult
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.sbom import cyclonedx
from imagekit.trust.evidence.statement import MalformedStatementError, Statement, parse_statement
from imagekit.trust.evidence.testresult import judge, result_statement
from tests.support.images import BOOT, DPKG_STATUS, check, evidence_of, suite
from tests.support.xccdf import scan_of

IMAGE = Digest.of(b"image")


def result(tested: SuiteResult) -> Statement:
    return result_statement(IMAGE, tested, [BOOT], harness_version="0.1.0", name="debian-node")


def document() -> dict[str, Any]:
    return cyclonedx(
        IMAGE, packages_of_dpkg(DPKG_STATUS, distro="debian-13"), name="debian-node", version="v1", epoch=1_700_000_000
    )


def test_test_result_says_what_ran_where_and_how_it_ended() -> None:
    statement = result(suite(check("a"), check("b", Outcome.FAILED, required=False)))
    predicate = statement.predicate
    assert predicate["result"] == "WARNED"
    assert predicate["passedTests"] == ["base::a"]
    assert predicate["warnedTests"] == ["base::b"]
    assert predicate["failedTests"] == []
    entries = {entry["name"]: entry["annotations"] for entry in predicate["configuration"]}
    assert entries["suite"] == {"hash": "5u17e"}
    assert entries["harness"]["version"] == "0.1.0"
    assert entries["machine"]["accelerator"] == "tcg"
    assert entries["machine"]["firmware"] == "bios"
    assert entries["machine"]["memoryMiB"] == "1024"


def test_test_result_names_suites_and_the_hardening_score() -> None:
    """For readers; the gate counts the rows themselves."""
    passed = replace(check("a"), id="live:base/test_hardening.py::test_control[SSH-01]", suites=("base", "hardening"))
    failed = replace(check("b", Outcome.FAILED, required=False), id="live:base/test_hardening.py::test_control[SSH-02]")
    predicate = result(suite(passed, failed)).predicate
    assert predicate["suites"] == ["base", "hardening"]
    assert predicate["checks"][0]["suites"] == ["base", "hardening"]
    score = predicate["hardening"]["server-1"]
    assert (score["passed"], score["notPassed"]) == (1, ["SSH-02"])
    assert score["score"] < 0.05
    assert "SSH-03" in score["notLookedAt"]


def test_without_controls_there_is_no_score() -> None:
    assert not {"hardening", "openscap"} & result(suite(check("a"))).predicate.keys()


def test_test_result_says_what_openscap_judged_and_what_not() -> None:
    words = {"a": RuleResult.PASS, "b": RuleResult.FAIL, "c": RuleResult.NOT_APPLICABLE}
    rules = [Rule(id=f"rule_{name}", title="x", severity="low", result=word) for name, word in words.items()]
    predicate = result(replace(suite(check("a")), scans=(scan_of(*rules),))).predicate
    assert predicate["openscap"]["openscap"] == {
        "profile": "xccdf_org.example_profile_small",
        "benchmark": "0.1",
        "content": "ssg-debian 0.1",
        "scanner": "openscap-scanner 1.4",
        "results": {"sha256": "0" * 64},
        "rules": {"pass": 1, "fail": 1, "notapplicable": 1},
        "score": 0.5,
        "notApplicable": ["rule_c"],
    }


def script(outcome: Outcome) -> ScenarioResult:
    return ScenarioResult(name="upgrade", promise="It upgrades.", outcome=outcome, seconds=61.25, budget=180.0, boots=2)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_scenario_counts_like_a_check(outcome: Outcome) -> None:
    statement = result_statement(IMAGE, suite(), [BOOT], harness_version="0.1.0", scenarios=[script(outcome)])
    passed = outcome is Outcome.PASSED
    assert ("scenario/upgrade" in statement.predicate["passedTests"]) is passed
    assert ("scenario/upgrade" in statement.predicate["failedTests"]) is not passed
    assert statement.predicate["scenarios"] == [
        {
            "name": "upgrade",
            "promise": "It upgrades.",
            "outcome": str(outcome),
            "seconds": 61.25,
            "budget": 180.0,
            "boots": 2,
            "start": "cold",
        }
    ]
    assert judge(statement, IMAGE).passed is passed


def limited(**fields: Any) -> Statement:
    """A result with one scenario that met a limit of its framework; `fields` are written over its row."""
    met = replace(script(Outcome.FAILED), limit="the agent compares nothing")
    says = result_statement(IMAGE, suite(check("a")), [BOOT], harness_version="0.1.0", scenarios=[met])
    [row] = says.predicate["scenarios"]
    return replace(says, predicate={**says.predicate, "scenarios": [{**row, **fields}]})


def test_a_limit_of_the_framework_is_a_warning_and_stays_a_failed_scenario() -> None:
    predicate = limited().predicate
    assert (predicate["result"], predicate["warnedTests"]) == ("WARNED", ["scenario/upgrade"])
    assert "scenario/upgrade" not in [*predicate["passedTests"], *predicate["failedTests"]]
    assert predicate["scenarios"][0]["outcome"] == "failed"
    assert predicate["scenarios"][0]["limit"] == "the agent compares nothing"
    verdict = judge(limited(), IMAGE)
    assert verdict.passed
    assert "limits of the framework: upgrade" in verdict.reason


@pytest.mark.parametrize("fields", [{"limit": ""}, {"limit": 1}, {"limit": None}, {"outcome": "errored"}])
def test_what_is_no_limit_in_words_of_a_failed_scenario_is_none(fields: dict[str, Any]) -> None:
    assert not judge(limited(**fields), IMAGE).passed


@pytest.mark.parametrize("order", [1, -1])
def test_a_scenario_told_twice_is_limited_where_both_say_so(order: int) -> None:
    says = limited()
    rows = [*says.predicate["scenarios"], {"name": "upgrade", "outcome": "failed"}][::order]
    assert not judge(replace(says, predicate={**says.predicate, "scenarios": rows}), IMAGE).passed


def test_a_scenario_that_did_not_pass_counts_whatever_the_summary_says() -> None:
    statement = result_statement(IMAGE, suite(), [BOOT], harness_version="0.1.0", scenarios=[script(Outcome.MISSING)])
    predicate = {**statement.predicate, "result": "PASSED", "failedTests": []}
    assert "scenario/upgrade" in judge(replace(statement, predicate=predicate), IMAGE).reason


def test_statement_round_trip_is_canonical() -> None:
    for statement in (result(suite()), *evidence_of(IMAGE)):
        assert parse_statement(statement.to_bytes()) == statement
        assert json.dumps(json.loads(statement.to_bytes()), sort_keys=True, separators=(",", ":")).encode() == (
            statement.to_bytes()
        )


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_passed_counts_as_passed(outcome: Outcome) -> None:
    verdict = judge(result(suite(check("a"), check("b", outcome))), IMAGE)
    assert verdict.passed == (outcome is Outcome.PASSED)
    assert verdict.passed or "base::b" in verdict.reason


def test_verdict_does_not_believe_the_summary() -> None:
    failed = result(suite(check("a", Outcome.FAILED)))
    lies: list[dict[str, Any]] = [{"result": "PASSED"}, {"result": "PASSED", "failedTests": []}]
    for lie in lies:
        assert not judge(replace(failed, predicate={**failed.predicate, **lie}), IMAGE).passed
    passed = result(suite())
    changes: list[dict[str, Any]] = [{"result": "FAILED"}, {"failedTests": ["x"]}, {"checks": []}, {"checks": 1}]
    for change in changes:
        assert not judge(replace(passed, predicate={**passed.predicate, **change}), IMAGE).passed


def test_nothing_tested_is_not_passed() -> None:
    assert not judge(result(SuiteResult(suite_hash="h", checks=(), seconds=0.0)), IMAGE).passed
    assert not judge(result(suite(check("a", required=False))), IMAGE).passed


def test_verdict_is_about_one_digest_and_suite() -> None:
    assert judge(result(suite()), IMAGE, suite_hash="5u17e").passed
    assert not judge(result(suite()), IMAGE, suite_hash="other").passed
    assert not judge(result(suite()), Digest.of(b"other")).passed


@pytest.mark.parametrize(
    "change",
    [
        {"_type": "https://in-toto.io/Statement/v2"},
        {"subject": []},
        {"subject": [{"digest": {"sha256": "a" * 64}}] * 2},
        {"subject": [{"digest": {"sha1": "a" * 40}}]},
        {"subject": [{"digest": {"sha256": "../x"}}]},
        {"predicateType": 1},
        {"predicate": [1]},
    ],
)
def test_other_statements_are_refused(change: dict[str, Any]) -> None:
    fields = {**json.loads(result(suite()).to_bytes()), **change}
    with pytest.raises(MalformedStatementError):
        parse_statement(json.dumps(fields).encode())


def test_dpkg_packages() -> None:
    packages = packages_of_dpkg(DPKG_STATUS, distro="debian-13")
    assert [package.name for package in packages] == ["base-files", "g++-14", "libc6"]
    assert packages[1].purl == "pkg:deb/debian/g%2B%2B-14@14.2.0-19%2Bb1?arch=amd64&distro=debian-13"
    assert (packages[1].source, packages[1].source_version) == ("gcc-14", "14.2.0-19")
    assert packages[2].source == "glibc"


def test_rpm_packages() -> None:
    listing = "bash\t0:5.1.8-9.el9\tx86_64\tbash-5.1.8-9.el9.src.rpm\nperl\t4:5.32-1\tx86_64\tp.src.rpm\n"
    listing += "gpg-pubkey\t0:1-2\t(none)\t(none)\n"
    packages = packages_of_rpm(listing, distro="rocky-9")
    assert [package.purl for package in packages] == [
        "pkg:rpm/rocky/bash@5.1.8-9.el9?arch=x86_64&distro=rocky-9",
        "pkg:rpm/rocky/perl@5.32-1?arch=x86_64&distro=rocky-9&epoch=4",
    ]


def test_lists_that_are_none() -> None:
    for text in ("", "Package: x\nStatus: deinstall ok config-files\n", "Package: x\nStatus: install ok installed\n"):
        with pytest.raises(PackageListError):
            packages_of_dpkg(text)
    for text in ("", "bash 5.1\n"):
        with pytest.raises(PackageListError):
            packages_of_rpm(text)


def test_sbom_is_the_same_for_the_same_image() -> None:
    packages = packages_of_dpkg(DPKG_STATUS)
    one, other = (
        json.dumps(cyclonedx(IMAGE, order, name="n", version="v", epoch=0)) for order in (packages, packages[::-1])
    )
    assert one == other
    assert document()["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    another = cyclonedx(Digest.of(b"other"), packages, name="n", version="v", epoch=0)
    assert another["serialNumber"] != document()["serialNumber"]


def test_sbom_keeps_to_the_published_schema() -> None:
    validation = pytest.importorskip("cyclonedx.validation.json", reason="needs cyclonedx-python-lib[json-validation]")
    schema = pytest.importorskip("cyclonedx.schema")
    pytest.importorskip("jsonschema", reason="needs cyclonedx-python-lib[json-validation]")
    check_schema = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    assert check_schema.validate_str(json.dumps(document())) is None
    assert check_schema.validate_str(json.dumps({**document(), "components": [{"name": 1}]})) is not None
