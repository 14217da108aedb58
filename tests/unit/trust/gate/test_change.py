"""The requirement of a change record: what satisfies it, what does not, and the emergency that goes without."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from imagekit.oci.reference import Digest
from imagekit.trust.change.model import ChangeApproval, Changed, ChangeRecord, ChangeState
from imagekit.trust.evidence.decisions import emergency_statement
from imagekit.trust.finding import Finding, Status
from imagekit.trust.gate.evaluate import evaluate
from imagekit.trust.gate.model import Item
from imagekit.trust.gate.policy import Change, ChangeProvider, Emergency
from imagekit.trust.sign.trustfile import Purpose
from tests.support.release import (
    ADA,
    BOB,
    DAY,
    DIGEST,
    EVE,
    NOW,
    evidence,
    item,
    policy,
    standard_keys,
    trust,
    trusted,
)

HOUR = timedelta(hours=1)
OTHER = str(Digest.of(b"another image"))
WANTED = Change(provider=ChangeProvider(run="tools/change"), approvals=2, emergency=Emergency(persons=2, longest="8h"))
RECORD = ChangeRecord(
    id="CHG1",
    state=ChangeState.OPEN,
    digests=(str(DIGEST),),
    approvals=(ChangeApproval(ADA, NOW - DAY), ChangeApproval(BOB)),
    requested_by=EVE,
)


def asked(known: Changed, *more: Item, wanted: Change = WANTED, now: datetime = NOW) -> Finding:
    """How the requirement stands; all others are satisfied."""
    told = replace(evidence(), change=known)
    told = replace(told, items=(*told.items, *more))
    decision = evaluate(policy(change=wanted), "prod", told, now)
    [found] = [each for each in decision.findings if each.name == "change"]
    return found


def test_a_record_that_names_this_digest_alone_satisfies() -> None:
    found = asked(Changed(record=RECORD))
    assert found.status is Status.SATISFIED
    assert "CHG1" in found.reason
    assert "Ada" in found.reason


def test_without_the_rule_nothing_is_asked() -> None:
    decision = evaluate(policy(), "prod", replace(evidence(), change=Changed(record=RECORD)), NOW)
    assert [each for each in decision.findings if each.name == "change"] == []
    assert decision.passed


@pytest.mark.attack
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"digests": (OTHER,)}, "not this digest"),
        ({"digests": ()}, "names no digest"),
        ({"digests": (OTHER, str(DIGEST))}, "names 2 digests"),
        ({"digests": (str(DIGEST), str(DIGEST))}, "names 2 digests"),
        ({"state": ChangeState.CLOSED}, "is closed"),
        ({"state": ChangeState.PENDING}, "is pending"),
        ({"begins": NOW + HOUR}, "begins"),
        ({"ends": NOW}, "ended"),
        ({"approvals": ()}, "0 of 2 persons"),
        ({"approvals": (ChangeApproval(ADA), ChangeApproval("ada LOVELACE <ADA@bank.example>"))}, "1 of 2 persons"),
        ({"approvals": (ChangeApproval(ADA), ChangeApproval(EVE))}, "1 of 2 persons"),
        ({"approvals": (ChangeApproval(ADA), ChangeApproval(BOB, NOW + DAY))}, "1 of 2 persons"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused(changes: dict[str, Any], says: str) -> None:
    found = asked(Changed(record=replace(RECORD, **changes)))
    assert found.status is Status.UNSATISFIED
    assert says in found.reason


def test_a_system_that_cannot_be_asked_satisfies_nothing() -> None:
    found = asked(Changed(problem="tools/change: no answer within 20 s"))
    assert found.status is Status.UNSATISFIED
    assert "no answer within 20 s" in found.reason


def emergency(by: str, person: str, *, at: datetime = NOW - HOUR, **fields: Any) -> Item:
    """Somebody's signature for an emergency, one hour old and good for three more."""
    said = {"channel": "prod", "person": person, "reason": "INC-7", "expires": NOW + 3 * HOUR, **fields}
    return item(by, emergency_statement(DIGEST, **said), at=at)


DOWN = Changed(problem="the change system is down")


def test_two_persons_may_go_without_for_a_time() -> None:
    both = (emergency("ada", ADA), emergency("bob", BOB))
    found = asked(DOWN, *both)
    assert found.status is Status.WAIVED
    assert "the change system is down" in found.reason
    assert "INC-7" in found.reason
    assert len(found.sources) == 2
    assert asked(DOWN, *both, now=NOW + 3 * HOUR).status is Status.UNSATISFIED


@pytest.mark.attack
@pytest.mark.parametrize(
    ("second", "says"),
    [
        (None, "1 of 2 persons"),
        (emergency("ada", ADA, reason="again"), "1 of 2 persons"),
        (emergency("bob", ADA), "the key is held by"),
        (emergency("bob", BOB, channel="dev"), "is for dev"),
        (emergency("bob", BOB, expires=NOW - HOUR), "expired"),
        (emergency("bob", BOB, expires=NOW + 9 * HOUR), "8 h are allowed"),
        (emergency("bob", BOB, reason=" "), "gives no reason"),
        (emergency("bob", BOB, at=NOW + HOUR), "in the future"),
        (emergency("eve", EVE), "not trusted"),
        (emergency("promoter", "Lead"), "not to approve"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_emergency_that_does_not_count(second: Item | None, says: str) -> None:
    found = asked(DOWN, emergency("ada", ADA), *([second] if second is not None else []))
    assert found.status is Status.UNSATISFIED
    assert says in found.reason


@pytest.mark.attack
def test_the_builder_calls_no_emergency() -> None:
    keys = [each for each in standard_keys() if each.id != "ours"]
    store = trust([*keys, trusted("ours", Purpose.BUILD, Purpose.APPROVE, person="Carl <carl@bank.example>")])
    said = emergency_statement(
        DIGEST, channel="prod", person="Carl <carl@bank.example>", reason="INC-7", expires=NOW + HOUR
    )
    told = evidence(None, item("ours", said, at=NOW - HOUR, store=store), emergency("ada", ADA), store=store)
    decision = evaluate(policy(change=WANTED), "prod", replace(told, change=DOWN), NOW)
    [found] = [each for each in decision.findings if each.name == "change"]
    assert found.status is Status.UNSATISFIED
    assert "signed the image" in found.reason


@pytest.mark.attack
def test_without_an_emergency_in_the_policy_nobody_goes_without() -> None:
    wanted = WANTED.model_copy(update={"emergency": None})
    found = asked(DOWN, emergency("ada", ADA), emergency("bob", BOB), wanted=wanted)
    assert found.status is Status.UNSATISFIED


@pytest.mark.attack
def test_one_person_is_never_enough() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 2"):
        Emergency(persons=1)


def test_an_image_of_an_index_is_covered_by_the_record_of_the_index() -> None:
    decision = evaluate(policy(change=WANTED), "prod", replace(evidence(), change=Changed(part=True)), NOW)
    assert [each for each in decision.findings if each.name == "change"] == []
