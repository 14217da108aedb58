"""The gate as a pure function: no spoilt set passes, nothing that is attached can make it fall over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagekit.base.errors import ConfigError
from imagekit.checks.hardening.catalogue import controls_of
from imagekit.checks.outcome import Outcome, SuiteResult
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.decisions import Mute, mute_statement
from imagekit.trust.evidence.statement import TEST_RESULT_TYPE, Statement, parse_statement
from imagekit.trust.finding import Status
from imagekit.trust.gate.evaluate import evaluate
from imagekit.trust.gate.model import Decision, Evidence, GateClosedError, Item, Stay, Stays
from imagekit.trust.gate.policy import Approvals, HardeningScore, Policy
from imagekit.trust.sign.trust import Problem, Reading
from tests.support.images import check
from tests.support.release import (
    ADA,
    DAY,
    DIGEST,
    IMAGE,
    NOW,
    SCENARIOS,
    SUITE,
    dated,
    evidence,
    item,
    policy,
    provenance,
    requirements,
    result,
    script,
    statements,
    trust,
)

NAMES = tuple(statements())
GOOD = {name: item(by, says, at=dated(name)) for name, (by, says) in statements().items()}
OTHER = Digest.of(b"another image")


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement before it is signed."""

    by: str
    says: Statement
    at: datetime | None

    def item(self) -> Item:
        return item(self.by, self.says, at=self.at)


def damaged(good: Item) -> Item:
    return replace(good, reading=Reading(statement=None, problem=Problem.DAMAGED, reason="damaged"))


# Each takes a good piece and gives one that must not count, or None for none at all.
SPOILS: dict[str, Callable[[Piece], Piece | None]] = {
    "left out": lambda piece: None,
    "signed by a stranger": lambda piece: replace(piece, by="eve"),
    "signed by somebody trusted for something else": lambda piece: replace(
        piece, by="promoter" if piece.by == "ours" else "ours"
    ),
    "about another digest": lambda piece: replace(piece, says=replace(piece.says, subject=OTHER)),
    "of another type": lambda piece: replace(piece, says=replace(piece.says, predicate_type="urn:other")),
    "of tomorrow": lambda piece: replace(piece, at=NOW + timedelta(days=1)),
    "of last year": lambda piece: replace(piece, at=NOW - timedelta(days=400)) if piece.by == "ours" else None,
    "saying nothing": lambda piece: (
        replace(piece, says=replace(piece.says, predicate={})) if piece.says.predicate else None
    ),
}


def decide(items: list[Item], now: datetime = NOW) -> Decision:
    return evaluate(
        policy(), "prod", Evidence(digest=DIGEST, image=IMAGE, items=tuple(items), suites={IMAGE: SUITE}), now
    )


def test_good_set_passes() -> None:
    decision = evaluate(policy(), "prod", evidence(), NOW)
    assert decision.unsatisfied == ()
    assert decision.passed
    assert {finding.status for finding in decision.findings} == {Status.SATISFIED}
    assert len(decision.sources) == 8
    decision.require_passed()


@pytest.mark.parametrize(("same_plan", "passed"), [(True, True), (False, False)])
def test_sources_that_were_committed_after_the_build_are_clean(same_plan: bool, passed: bool) -> None:
    """A plan's id is its content: under the same one, what a later provenance names is what was built before."""
    says = provenance(revision="b" * 40 + "-dirty")
    if not same_plan:
        text = says.to_bytes().replace(b"e" * 64, b"9" * 64)
        says = parse_statement(text)
    early = item("ours", says, at=NOW - 2 * DAY)
    decision = decide([early, *GOOD.values()])
    assert decision.passed is passed
    assert [each.name for each in decision.unsatisfied] == ([] if passed else ["source"])


def muted_result(outcome: str) -> Statement:
    """The good test result with one more check, which somebody muted."""
    says = statements()["tests"][1]
    row = {"id": "live:base/test_x.py::test_x", "outcome": outcome, "required": False, "muted": {"by": "Ada"}}
    return replace(says, predicate={**says.predicate, "checks": [*says.predicate["checks"], row]})


def muting(policy_of: Policy, *, muted: bool) -> Policy:
    """The policy with its answer to muted checks in prod."""
    prod = policy_of.channels["prod"]
    assert prod.tests is not None
    wanted = prod.model_copy(update={"tests": prod.tests.model_copy(update={"muted": muted})})
    return policy_of.model_copy(update={"channels": {**policy_of.channels, "prod": wanted}})


@pytest.mark.parametrize(
    ("outcome", "allowed", "days", "status", "reason"),
    [
        ("failed", True, 7, Status.WAIVED, "failed; muted by Ada"),
        ("skipped", True, 7, Status.WAIVED, "skipped; muted by Ada"),
        ("failed", False, 7, Status.UNSATISFIED, "failed and muted, which the policy does not take"),
        ("failed", True, 0, Status.UNSATISFIED, "failed; it was muted then, and no mute of it counts now"),
        ("failed", True, None, Status.UNSATISFIED, "failed; it was muted then, and no mute of it counts now"),
        ("passed", False, None, None, ""),
    ],
)
def test_a_muted_check_that_failed_counts_by_policy_and_never_as_passed(
    outcome: str, allowed: bool, days: int | None, status: Status | None, reason: str
) -> None:
    items = [*GOOD.values(), item("ours", muted_result(outcome), at=NOW - DAY)]
    if days is not None:
        said = Mute(check="base/test_x.py::test_x", person=ADA, ticket="T-1", expires=NOW + days * DAY)
        items.append(item("ada", mute_statement(said), at=NOW - 2 * DAY))
    seen = Evidence(digest=DIGEST, image=IMAGE, items=tuple(items), suites={IMAGE: SUITE})
    decision = evaluate(muting(policy(), muted=allowed), "prod", seen, NOW)
    found = [each for each in decision.findings if each.name == "check/live:base/test_x.py::test_x"]
    assert [each.status for each in found] == ([status] if status else [])
    assert all(each.reason.startswith(reason) for each in found)
    assert decision.passed is (status is not Status.UNSATISFIED)


@pytest.mark.parametrize(("name", "passed"), [("upgrade", False), ("tampered", True)])
def test_a_limit_of_the_framework_is_told_and_not_what_was_asked_for(name: str, passed: bool) -> None:
    met = replace(script(name, Outcome.FAILED), limit="the agent compares nothing")
    others = [script(each) for each in SCENARIOS if each != name]
    says = item("ours", result(scenarios=[*others, met]), at=NOW - DAY)
    decision = decide([each for each in GOOD.values() if each is not GOOD["tests"]] + [says])
    [told] = [each for each in decision.findings if each.name == f"scenario/{name}"]
    assert "a limit of its framework" in told.reason
    assert "the agent compares nothing" in told.reason
    assert decision.passed is passed
    assert [each.name for each in decision.unsatisfied] == ([] if passed else [f"scenario/{name}"])


def test_checks_that_changed_since_the_test_are_told_as_such() -> None:
    seen = Evidence(digest=DIGEST, image=IMAGE, items=tuple(GOOD.values()), suites={IMAGE: "9" * 64})
    (bad, *_) = evaluate(policy(), "prod", seen, NOW).unsatisfied
    assert "the checks here (suite 999999999999) differ from those that ran: run again" in bad.reason


@pytest.mark.parametrize(
    ("left_out", "outcome", "minimum", "passed"),
    [(0, "passed", 1.0, True), (1, "passed", 1.0, False), (8, "passed", 0.9, False), (0, "failed", 0.0, True)],
)
def test_a_hardening_score_is_counted_from_the_controls(
    left_out: int, outcome: str, minimum: float, passed: bool
) -> None:
    tests = requirements().tests
    assert tests is not None
    score = HardeningScore(profile="server-1", minimum=minimum)
    wanted = policy(tests=tests.model_copy(update={"hardening": score}))
    controls = controls_of("server-1")[left_out:]
    rows = [
        replace(
            check("root", Outcome(outcome), required=False), id=f"live:base/test_hardening.py::test_control[{each.id}]"
        )
        for each in controls
    ]
    ran = SuiteResult(suite_hash=SUITE, checks=(check("root"), *rows), seconds=1.0)
    items = tuple((GOOD | {"tests": item("ours", result(suite=ran), at=dated("tests"))}).values())
    decision = evaluate(wanted, "prod", Evidence(digest=DIGEST, image=IMAGE, items=items, suites={IMAGE: SUITE}), NOW)
    found = next(each for each in decision.findings if each.name == "hardening")
    assert (found.status is Status.SATISFIED) is passed, found.reason
    assert found.reason.startswith("server-1: ")


def test_a_demanded_suite_is_found_by_its_checks() -> None:
    tests = requirements().tests
    assert tests is not None
    wanted = policy(tests=tests.model_copy(update={"required_suites": ("hardening",)}))
    ran = SuiteResult(suite_hash=SUITE, checks=(replace(check("root"), suites=("base", "hardening")),), seconds=1.0)
    tested = {"tests": item("ours", result(suite=ran), at=dated("tests"))}
    items = tuple((GOOD | tested).values())
    decision = evaluate(wanted, "prod", Evidence(digest=DIGEST, image=IMAGE, items=items, suites={IMAGE: SUITE}), NOW)
    found = next(each for each in decision.findings if each.name == "suite/hardening")
    assert (found.status, found.reason) == (Status.SATISFIED, "1 of 1 checks passed")


@given(st.permutations(list(GOOD.values())))
@settings(max_examples=20, deadline=None)
def test_order_does_not_matter(items: list[Item]) -> None:
    assert decide(items).passed


@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(sorted(SPOILS)), min_size=1))
@settings(max_examples=150, deadline=None)
def test_no_spoilt_set_passes(spoilt: dict[str, str]) -> None:
    items = []
    for name, (by, says) in statements().items():
        piece: Piece | None = Piece(by, says, dated(name))
        if name in spoilt and piece is not None:
            piece = SPOILS[spoilt[name]](piece)
        items += [piece.item()] if piece is not None else []
    decision = decide(items)
    assert not decision.passed
    with pytest.raises(GateClosedError, match="may not enter prod"):
        decision.require_passed()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spoil", sorted(SPOILS))
def test_each_piece_is_needed(name: str, spoil: str) -> None:
    by, says = statements()[name]
    changed = SPOILS[spoil](Piece(by, says, dated(name)))
    others = [each for other, each in GOOD.items() if other != name]
    assert not decide([*others, *([changed.item()] if changed is not None else [])]).passed


@pytest.mark.parametrize("name", NAMES)
def test_damaged_piece_is_as_good_as_none(name: str) -> None:
    assert not decide([damaged(each) if other == name else each for other, each in GOOD.items()]).passed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def keys_of(value: Any) -> list[tuple[str | int, ...]]:
    """Every place in a JSON value."""
    found: list[tuple[str | int, ...]] = []
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        found += [(key,), *((key, *rest) for rest in keys_of(inner))]
    return found


def put(value: Any, place: tuple[str | int, ...], new: Any) -> Any:
    """A copy with another value at one place."""
    if not place:
        return new
    key, *rest = place
    if isinstance(value, list):
        return [put(each, tuple(rest), new) if index == key else each for index, each in enumerate(value)]
    return {name: put(each, tuple(rest), new) if name == key else each for name, each in value.items()}


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_value_anywhere_gives_an_answer(data: st.DataObject) -> None:
    """Signed rubbish at any place of any predicate: an answer, never an exception."""
    name = data.draw(st.sampled_from([each for each in NAMES if statements()[each][1].predicate]))
    by, says = statements()[name]
    place = data.draw(st.sampled_from(keys_of(says.predicate)))
    bad = replace(says, predicate=put(says.predicate, place, data.draw(JSON)))
    others = [each for other, each in GOOD.items() if other != name]
    assert decide([*others, item(by, bad, at=dated(name))]).findings


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_outcome_but_passed_is_passed(data: st.DataObject) -> None:
    by, says = statements()["tests"]
    kind = data.draw(st.sampled_from(["checks", "scenarios"]))
    index = data.draw(st.integers(0, 1))
    outcome = data.draw(st.text(max_size=9).filter(lambda text: text != "passed") | st.none() | st.just(["passed"]))
    bad = replace(says, predicate=put(says.predicate, (kind, index, "outcome"), outcome))
    others = [each for other, each in GOOD.items() if other != "tests"]
    assert not decide([*others, item(by, bad)]).passed


@given(st.sampled_from(NAMES), st.text(min_size=1, max_size=20), JSON)
@settings(max_examples=60, deadline=None)
def test_strangers_change_nothing(name: str, key: str, value: Any) -> None:
    says = statements()[name][1]
    stranger = item("eve", replace(says, predicate={**says.predicate, key: value}))
    assert decide([*GOOD.values(), stranger]).passed


def test_time_alone_closes_the_gate_again() -> None:
    items = list(GOOD.values())
    opened = [day for day in range(-30, 60) if decide(items, NOW + timedelta(days=day)).passed]
    assert opened == list(range(-1, 14))


def test_unknown_channel_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ConfigError, match="knows no channel 'produciton'"):
        evaluate(policy(), "produciton", evidence(), NOW)


def test_nothing_asked_for_is_not_passed() -> None:
    empty = Decision(reference="r", digest=DIGEST, channel="prod", policy=OTHER, at=NOW, findings=())
    assert not empty.passed
    with pytest.raises(GateClosedError, match="nothing was asked for"):
        empty.require_passed()


def test_key_is_read_once_and_for_all() -> None:
    reading = trust().read(b"rubbish")
    assert (reading.problem, reading.key, reading.statement) == (Problem.DAMAGED, None, None)
    assert GOOD["tests"].reading.statement is not None
    assert GOOD["tests"].reading.statement.predicate_type == TEST_RESULT_TYPE


@pytest.mark.attack
@pytest.mark.parametrize(
    ("stay", "problem", "said"),
    [
        (Stay(entered=NOW - 4 * DAY), "", ""),
        (Stay(entered=NOW - 9 * DAY), "", ""),
        (Stay(entered=NOW - 4 * DAY, left=NOW - DAY / 24), "", ""),
        (Stay(entered=NOW - 2 * DAY), "", "2 days in staging, 3 days are asked for"),
        (Stay(entered=NOW - 4 * DAY, left=NOW - 2 * DAY), "", "2 days in staging, 3 days are asked for"),
        (Stay(entered=NOW - 4 * DAY, left=NOW - DAY, taken_back="rolled back by record 3: bad"), "", "rolled back by"),
        (Stay(entered=NOW + DAY), "", "0 min in staging"),
        (None, "ledger/000004.json does not count", "the ledger cannot tell: ledger/000004.json"),
        (None, "", "no record of the ledger let it into staging"),
    ],
)
def test_the_soak_goes_by_what_the_ledger_knows(stay: Stay | None, problem: str, said: str) -> None:
    """D5: the clock ran on in a channel that was rolled back, by the summary of the first time, which stays there."""
    known = Stays(channels={} if stay is None else {"staging": stay}, problem=problem)
    decision = evaluate(policy(), "prod", replace(evidence(), stays=known), NOW)
    reasons = [item.reason for item in decision.unsatisfied]
    assert bool(reasons) is bool(said)
    assert all(said in reason for reason in reasons)


@pytest.mark.attack
def test_a_soak_does_not_begin_before_the_digest_was_built() -> None:
    """A promoter of staging alone dates summary and record back; what the builder signed he cannot date."""
    built = item("ours", provenance(), at=NOW - DAY)
    forged = [each for name, each in GOOD.items() if name != "provenance"]
    stay = Stay(entered=NOW - 9 * DAY)
    seen = Evidence(digest=DIGEST, image=IMAGE, items=(*forged, built), suites={IMAGE: SUITE})
    decision = evaluate(policy(), "prod", replace(seen, stays=Stays(channels={"staging": stay})), NOW)
    assert [each.reason for each in decision.unsatisfied] == ["24 h in staging, 3 days are asked for"]


@pytest.mark.attack
@pytest.mark.parametrize(
    ("stay", "says"),
    [
        (Stay(entered=NOW - 3 * DAY, left=NOW - DAY / 2, taken_back="rolled back by record 3: bad"), "record 3: bad"),
        (Stay(entered=NOW - 3 * DAY, left=NOW - DAY, taken_back="rolled back by record 3: bad"), "record 3: bad"),
        (Stay(entered=NOW - 9 * DAY, left=NOW - 2 * DAY, taken_back="rolled back by record 3: bad"), ""),
        (Stay(entered=NOW - 3 * DAY, left=NOW - DAY / 2), ""),
        (Stay(entered=NOW - 3 * DAY), ""),
    ],
)
def test_an_approval_does_not_outlive_a_rollback(stay: Stay, says: str) -> None:
    """`promote --release` is one person's word; whoever approved what then turned out bad is asked again."""
    known = Stays(channels={"staging": Stay(entered=NOW - 4 * DAY), "prod": stay})
    decision = evaluate(policy(), "prod", replace(evidence(), stays=known), NOW)
    assert decision.passed is not bool(says)
    [reason] = [each.reason for each in decision.findings if each.name == "approvals"]
    assert ("was given before the digest was taken back from prod: rolled back by" in reason) is bool(says)
    assert says in reason


def test_where_no_age_is_asked_for_an_old_approval_counts() -> None:
    old = {**GOOD, **{name: item(name, statements()[name][1], at=NOW - 300 * DAY) for name in ("ada", "bob")}}
    seen = Evidence(digest=DIGEST, image=IMAGE, items=tuple(old.values()), suites={IMAGE: SUITE})
    assert not evaluate(policy(), "prod", seen, NOW).passed
    assert evaluate(policy(approvals=Approvals(persons=2)), "prod", seen, NOW).passed


def test_a_decision_says_what_it_is_about() -> None:
    """Mutants that dropped the digest or the reference survived until this test."""
    decision = evaluate(policy(), "prod", evidence(), NOW)
    assert (decision.digest, decision.reference, decision.channel) == (DIGEST, str(DIGEST), "prod")
    assert evaluate(policy(), "prod", evidence(), NOW, reference="r.example/a:v1").reference == "r.example/a:v1"


def test_where_no_test_result_is_asked_for_none_is_looked_at() -> None:
    said = {name: each for name, each in statements().items() if each[1].predicate_type != TEST_RESULT_TYPE}
    decision = evaluate(policy(tests=None), "prod", evidence(said), NOW)
    assert [finding.name for finding in decision.unsatisfied] == []
    assert decision.passed


@pytest.mark.parametrize("allowed", [True, False])
def test_an_image_on_the_stand_in_enters_where_the_channel_says_so(allowed: bool) -> None:
    said = statements()
    by, _ = said["provenance"]
    said["provenance"] = (by, provenance(DIGEST, embedded=True))
    decision = evaluate(policy(embedded=allowed), "prod", evidence(said), NOW)
    assert decision.passed is allowed
