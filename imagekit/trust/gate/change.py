"""The requirement of a change record: it names this very digest and no other, is open, and carries its approvals."""

from __future__ import annotations

from imagekit.trust.change.model import ChangeRecord, ChangeState
from imagekit.trust.evidence.decisions import EMERGENCY_TYPE
from imagekit.trust.evidence.timestamp import read_timestamp
from imagekit.trust.finding import Finding, Requirement, Status, finding
from imagekit.trust.gate.people import builders_of
from imagekit.trust.gate.policy import Change, Emergency, span
from imagekit.trust.gate.view import Accepted, View, named, shown
from imagekit.trust.sign.person import distinct, same_person
from imagekit.trust.sign.trust import day
from imagekit.trust.sign.trustfile import Purpose


def change(view: View, wanted: Change | None) -> list[Finding]:
    """Satisfied by a record; or waived, for a time, by persons who sign for the emergency."""
    if wanted is None or view.evidence.change.part:
        return []
    known = view.evidence.change
    flaw = known.problem if known.record is None else _flaw(view, known.record, wanted)
    if known.record is not None and not flaw:
        people = distinct([each.person for each in known.record.approvals])
        reported = f"{known.record.id} names this digest, is open, approved by {', '.join(sorted(people))}"
        return [finding(Requirement.CHANGE, True, reported)]
    return [_emergency(view, flaw, wanted.emergency)]


def _flaw(view: View, record: ChangeRecord, wanted: Change) -> str:
    digest = str(view.evidence.digest)
    if record.digests != (digest,):
        if digest in record.digests:
            return f"{record.id} names {len(record.digests)} digests, not this one alone"
        others = ", ".join(each[:19] for each in record.digests[:3]) or "no digest"
        return f"{record.id} names {others}, not this digest"
    if record.state is not ChangeState.OPEN:
        return f"{record.id} is {record.state}"
    if record.begins is not None and view.now < record.begins:
        return f"{record.id} begins {day(record.begins)}"
    if record.ends is not None and view.now >= record.ends:
        return f"{record.id} ended {day(record.ends)}"
    return _unapproved(view, record, wanted)


def _unapproved(view: View, record: ChangeRecord, wanted: Change) -> str:
    counted = [
        each.person
        for each in record.approvals
        if not (record.requested_by and same_person(each.person, record.requested_by))
        and not (each.at is not None and view.ahead(each.at))
    ]
    people = distinct(counted)
    if len(people) >= wanted.approvals:
        return ""
    by = f", requested by {record.requested_by}" if record.requested_by else ""
    return f"{record.id} is approved by {len(people)} of {wanted.approvals} persons{by}"


def _emergency(view: View, flaw: str, wanted: Emergency | None) -> Finding:
    """What holds only because enough persons said so, and for how long."""
    if wanted is None:
        return finding(Requirement.CHANGE, False, flaw)
    found = view.of(EMERGENCY_TYPE, Purpose.APPROVE)
    builders = builders_of(view.evidence)
    persons: dict[str, Accepted] = {}
    refused = list(found.refused)
    for item in found.accepted:
        wrong = _emergency_flaw(view, item, wanted, builders)
        if wrong:
            refused.append(f"{named(item.source)}: {wrong}")
        else:
            persons.setdefault(str(item.key.person), item)
    counted = distinct(persons)
    if len(counted) < wanted.persons:
        reported = (
            f"{flaw}; emergency signed by {len(counted)} of {wanted.persons} persons" if persons or refused else flaw
        )
        return finding(
            Requirement.CHANGE, False, reported + (f", not counted: {'; '.join(refused[:5])}" if refused else "")
        )
    items = [persons[person] for person in counted]
    until = min(end for item in items if (end := read_timestamp(item.statement.predicate.get("expires"))) is not None)
    reason = str(items[0].statement.predicate.get("reason"))[:300]
    return Finding(
        requirement=Requirement.CHANGE,
        status=Status.WAIVED,
        reason=f"{flaw}; emergency by {' and '.join(sorted(counted))} until {day(until)}: {reason}",
        sources=tuple(item.source for item in items),
    )


def _emergency_flaw(view: View, item: Accepted, wanted: Emergency, builders: list[str]) -> str:
    said = item.statement.predicate
    expires = read_timestamp(said.get("expires"))
    if said.get("channel") != view.channel:
        return f"is for {str(said.get('channel'))[:63]}, not for {view.channel}"
    if not same_person(said.get("person"), item.key.person):
        return f"names {str(said.get('person'))[:100]}, the key is held by {item.key.person}"
    if any(same_person(item.key.person, each) for each in builders):
        return f"{item.key.person} signed the image and cannot call the emergency too"
    if not str(said.get("reason") or "").strip():
        return "gives no reason"
    if item.signed_at is None or expires is None:
        return "does not say when it was signed and when it expires"
    if expires <= view.now:
        return f"expired {day(expires)}"
    if expires - item.signed_at > span(wanted.longest):
        return f"runs for {shown(expires - item.signed_at)}, {shown(span(wanted.longest))} are allowed"
    return ""
