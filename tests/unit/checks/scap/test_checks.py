"""The checks of suite openscap as they are run: what a scan found becomes outcomes, and only `pass` is passed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from imagekit.checks.outcome import Outcome, SuiteResult
from imagekit.checks.request import Suites
from imagekit.checks.runner import _session, collect_checks, run_session
from imagekit.checks.scap.model import Evaluation, Rule, RuleResult, RuleWaiver
from imagekit.machine.interface import BootPath
from tests.support.xccdf import scan_of

ROOT = Path(__file__).parents[4]
TODAY = date(2026, 12, 1)


def rule(name: str, result: RuleResult) -> Rule:
    return Rule(id=f"rule_{name}", title=f"Rule {name}", severity="high", result=result, wants="it holds")


def suites(tmp_path: Path) -> Suites:
    return Suites(checks_root=ROOT / "vm-harness/checks", images_root=ROOT / "images", out=tmp_path / "out")


def checked(
    tmp_path: Path, *rules: Rule, waived: tuple[RuleWaiver, ...] = (), mistaken: tuple[str, ...] = ()
) -> SuiteResult:
    where = suites(tmp_path)
    file = tmp_path / "openscap.json"
    Evaluation(scan=scan_of(*rules), rules=rules, waived=waived, mistaken=mistaken).write(file)
    session = _session("local://", False, ("openscap",), where, BootPath.DIRECT, TODAY, 60.0)
    return run_session(replace(session, scap=str(file)), where, deadline_seconds=60.0)


def outcomes(result: SuiteResult) -> dict[str, Outcome]:
    return {check.id.rpartition("::")[2]: check.outcome for check in result.checks}


ALL = tuple(rule(word.name.lower(), word) for word in RuleResult)


def test_each_word_has_its_outcome_and_only_pass_is_passed(tmp_path: Path) -> None:
    found = checked(tmp_path, *ALL)
    assert outcomes(found) == {
        "test_the_content_applies_to_this_node": Outcome.PASSED,
        "test_rule[rule_pass]": Outcome.PASSED,
        "test_rule[rule_fail]": Outcome.FAILED,
        "test_rule[rule_error]": Outcome.ERRORED,
        "test_rule[rule_unknown]": Outcome.ERRORED,
        "test_rule[rule_not_checked]": Outcome.SKIPPED,
        "test_rule[rule_not_selected]": Outcome.ERRORED,
        "test_rule[rule_informational]": Outcome.SKIPPED,
        "test_rule[rule_fixed]": Outcome.ERRORED,
    }
    assert len(found.blocking) == 7
    assert found.scans == (scan_of(*ALL),)
    assert found.scans[0].not_applicable == ("rule_not_applicable",)
    bad = next(check for check in found.checks if check.outcome is Outcome.FAILED)
    assert bad.title == "rule_fail, Rule fail"
    assert bad.message == "openscap rule_fail: the scanner says fail, severity high; the rule wants: it holds"
    assert bad.runbook == "openscap"


def test_a_node_whose_rules_all_hold_passes(tmp_path: Path) -> None:
    found = checked(tmp_path, rule("one", RuleResult.PASS), rule("two", RuleResult.NOT_APPLICABLE))
    assert found.passed
    assert found.scans[0].short == "1 of 1 rules that apply (100%), 1 notapplicable"


@pytest.mark.parametrize("rules", [(), (rule("one", RuleResult.NOT_APPLICABLE),)])
def test_content_that_applies_to_nothing_is_never_passed(tmp_path: Path, rules: tuple[Rule, ...]) -> None:
    """As `oscap` does it with the content of another release: every rule is notapplicable, and it ends with 0."""
    found = checked(tmp_path, *rules)
    assert not found.passed
    (failed,) = [check for check in found.checks if check.outcome is Outcome.FAILED]
    assert f"none of the {len(rules)} rules" in failed.message
    assert found.scans[0].score == 0.0


@pytest.mark.parametrize(("until", "blocks"), [("2026-12-02", False), ("2026-12-01", True), ("2026-11-30", True)])
@pytest.mark.parametrize("result", [RuleResult.FAIL, RuleResult.NOT_CHECKED])
def test_a_waived_rule_warns_until_its_day(tmp_path: Path, until: str, blocks: bool, result: RuleResult) -> None:
    waiver = RuleWaiver(rule="rule_bad", until=until, reason="no partitions here")
    found = checked(tmp_path, rule("good", RuleResult.PASS), rule("bad", result), waived=(waiver,))
    assert found.passed is not blocks
    bad = next(check for check in found.checks if "rule_bad" in check.id)
    assert (bad.ticket, bad.expires, bad.required) == ("no partitions here", until, blocks)
    assert found.scans[0].passed == 1, "a waived rule has not passed"


def test_a_waiver_of_a_rule_that_is_not_there_fails(tmp_path: Path) -> None:
    found = checked(tmp_path, rule("good", RuleResult.PASS), mistaken=("rule_typing_mistake",))
    (failed,) = [check for check in found.checks if check.outcome is not Outcome.PASSED]
    assert failed.outcome is Outcome.FAILED
    assert "rule_typing_mistake" in failed.message


def test_a_node_that_nobody_scanned_fails(tmp_path: Path) -> None:
    where = suites(tmp_path)
    session = _session("local://", False, ("openscap",), where, BootPath.DIRECT, TODAY, 60.0)
    found = run_session(session, where, deadline_seconds=60.0)
    assert not found.passed
    assert "nobody scanned the node" in found.blocking[0].message


def test_the_checks_are_collected_before_there_is_a_node(tmp_path: Path) -> None:
    assert collect_checks(("openscap",), suites(tmp_path), boot_path=BootPath.DIRECT, today=TODAY)
