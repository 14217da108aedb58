"""A test result in the words of before 2026-12 (`road`, `fast`) counts, and so does such a policy."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.checks.outcome import Outcome, SuiteResult
from imagekit.trust.evidence.decisions import Waiver, waiver_statement
from imagekit.trust.evidence.statement import Statement, parse_statement
from imagekit.trust.evidence.testresult import judge
from imagekit.trust.evidence.testrun import read_run
from imagekit.trust.gate.policy import PUBLISH, load_policy
from imagekit.trust.gate.policy import Tests as Wanted
from imagekit.trust.sign.trust import load_trust
from tests.support.formats import V1, old_ledger
from tests.support.gatefixture import GateFixture
from tests.support.images import check
from tests.support.release import ADA, BOB, DAY, NOW, SUITE, policy, result

POLICY = "version: 1\npublish: {{tests: {{{}}}}}\nchannels: {{prod: {{}}}}\n"


def earlier(statement: Statement) -> Statement:
    """The same statement as the release before wrote it."""
    text = statement.to_bytes().decode()
    old = text.replace('"bootPath"', '"road"').replace('"direct"', '"fast"').replace(":direct", ":fast")
    return parse_statement(old.replace('"direct:', '"fast:').encode())


def failed(check_id: str) -> SuiteResult:
    """A suite with one check that failed."""
    broken = replace(check("ssh"), id=check_id, outcome=Outcome.FAILED)
    return SuiteResult(suite_hash=SUITE, checks=(check("root"), broken), seconds=1.0)


def asking(tmp_path: Path, tests: str) -> Wanted:
    """What a policy file with these words about tests asks for before publishing."""
    (tmp_path / "policy.yaml").write_text(POLICY.format(tests))
    wanted = load_policy(tmp_path).of(PUBLISH).tests
    assert wanted is not None
    return wanted


@pytest.mark.parametrize(
    "boot_paths", ["boot_paths: [direct, live]", "roads: [fast, live]", "boot_paths: [fast, live]"]
)
@pytest.mark.parametrize("written", [lambda statement: statement, earlier], ids=["today", "earlier"])
def test_gate_takes_either_words(fixture: GateFixture, tmp_path: Path, boot_paths: str, written: object) -> None:
    assert callable(written)
    fixture.policy = policy(tests=asking(tmp_path, boot_paths))
    fixture.add("tests", "ours", written(result(fixture.digest)))
    fixture.settle()
    decision = fixture.gate()
    assert decision.passed, decision
    assert {"boot-path/direct", "boot-path/live"} <= {each.name for each in decision.findings}


def test_earlier_words_do_not_open_the_gate_for_what_was_not_tested(fixture: GateFixture, tmp_path: Path) -> None:
    fixture.policy = policy(tests=asking(tmp_path, "roads: [fast, installed]"))
    fixture.add("tests", "ours", earlier(result(fixture.digest)))
    fixture.settle()
    assert [each.name for each in fixture.gate().unsatisfied] == ["boot-path/installed"]


@pytest.mark.parametrize("waived", ["fast:base::ssh", "direct:base::ssh"])
@pytest.mark.parametrize("reported", ["fast:base::ssh", "direct:base::ssh"])
def test_a_waiver_holds_for_the_check_by_either_name(fixture: GateFixture, waived: str, reported: str) -> None:
    fixture.add("tests", "ours", result(fixture.digest, suite=failed(reported)))
    for key, person in (("ada", ADA), ("bob", BOB)):
        waiver = Waiver(
            digest=fixture.digest,
            check=waived,
            person=person,
            reason="known",
            expires=NOW + timedelta(days=3),
            channels=("prod",),
        )
        fixture.add(f"waiver-{key}", key, waiver_statement(waiver), NOW - DAY)
    fixture.settle()
    decision = fixture.gate()
    assert decision.passed, decision
    assert len(decision.waived) == 1


def test_a_pattern_of_never_waived_covers_both_names(tmp_path: Path) -> None:
    text = POLICY.format("").replace("prod: {}", "prod: {waivers: {never: ['fast:base::*']}}")
    (tmp_path / "policy.yaml").write_text(text)
    assert load_policy(tmp_path).of("prod").waivers.never == ("direct:base::*",)


def test_a_policy_with_both_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="roads"):
        asking(tmp_path, "roads: [fast], boot_paths: [live]")


def test_a_signed_result_of_2026_11_28_is_read_and_judged(tmp_path: Path) -> None:
    root = old_ledger(tmp_path / "work")
    reading = load_trust(root).read((V1 / "evidence" / "tests.json").read_bytes())
    assert reading.statement is not None
    assert '"road"' in json.dumps(reading.statement.predicate)
    run = read_run(reading.statement)
    assert run.boot_paths == ("direct", "live")
    assert judge(reading.statement, reading.statement.subject).passed
