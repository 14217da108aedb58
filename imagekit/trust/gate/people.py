"""Requirements on what people decided: denials, approvals, time in the channel before, waivers."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from imagekit.base.earlier import check_id_today
from imagekit.trust.evidence.decisions import (
    APPROVAL_TYPE,
    WAIVER_TYPE,
    Waiver,
    read_waiver,
    summarised_channel,
)
from imagekit.trust.evidence.statement import PROVENANCE_TYPE, SIGNATURE_TYPE, SUMMARY_TYPE, TEST_RESULT_TYPE, Statement
from imagekit.trust.finding import Finding, Requirement, Status, finding
from imagekit.trust.gate.model import Evidence
from imagekit.trust.gate.policy import Approvals, Soak, Waivers, span
from imagekit.trust.gate.view import Accepted, View, named, shown
from imagekit.trust.sign.person import distinct, same_person
from imagekit.trust.sign.trust import day
from imagekit.trust.sign.trustfile import Purpose

_BUILT = (SIGNATURE_TYPE, PROVENANCE_TYPE, TEST_RESULT_TYPE)
_GLOB = re.compile(r"[*?\[]")


def yank(view: View) -> Finding:
    """No trusted key has denied the digest."""
    reported = denial_of(view.evidence)
    return finding(Requirement.YANK, not reported, reported or "no denial is attached or listed")


def denial_of(evidence: Evidence) -> str:
    """Who denied the digest and why, in one sentence; empty when nobody did.

    Neither window, purpose, revocation nor date matter: where somebody trusted says no, or once did, the answer is no.
    A denial that cannot be read is one all the same; one in order is reported first.
    """
    found = [(item.reading.denial, item.source) for item in evidence.items if item.reading.denial is not None]
    about = [(denial, source) for denial, source in found if denial.forbids(evidence.digest)]
    if not about:
        return ""
    denial, source = min(about, key=lambda each: bool(each[0].flaw))
    return f"{denial.reported} ({named(source)})"


def soak(view: View, wanted: Soak | None) -> list[Finding]:
    """How long the digest was in the channel before, since its verification summary and by the ledger.

    What was taken back from there (rolled back, yanked) begins anew when it is let in again; a version that another one
    followed keeps the time that it had.
    """
    if wanted is None:
        return []
    if view.evidence.stays.problem:
        return [finding(Requirement.SOAK, False, f"the ledger cannot tell: {view.evidence.stays.problem}"[:300])]
    known = view.evidence.stays.channels
    stay = known.get(wanted.channel) if known is not None else None
    if known is not None and stay is None:
        return [finding(Requirement.SOAK, False, f"no record of the ledger let it into {wanted.channel}")]
    if stay is not None and stay.taken_back:
        return [finding(Requirement.SOAK, False, f"it was taken back from {wanted.channel}: {stay.taken_back}")]
    found = view.of(SUMMARY_TYPE, Purpose.PROMOTE, channel=wanted.channel)
    entered = []
    for item in found.accepted:
        said = summarised_channel(item.statement)
        if said is not None and said[0] == wanted.channel:
            at = max(said[1], item.signed_at or said[1])
            entered += [(at, item.source)] if not view.ahead(at) else []
    if not entered:
        reason = found.why_none(f"verification summary of {wanted.channel}")
        return [
            finding(
                Requirement.SOAK, False, reason if not found.accepted else f"it was never let into {wanted.channel}"
            )
        ]
    at, source = min(entered)
    begin, end = (at, view.now) if stay is None else (max(at, stay.entered), stay.left or view.now)
    begin = max([begin, *_built_at(view)[:1]])
    been, needed = max(timedelta(0), min(end, view.now) - begin), span(wanted.time)
    text = f"{shown(been)} in {wanted.channel}, {shown(needed)} are asked for"
    return [finding(Requirement.SOAK, been >= needed, text, (source,))]


def _built_at(view: View) -> list[datetime]:
    """When builders spoke of the digest, the first time first: who promotes can date an entry back, but not that."""
    items = (each for kind in _BUILT for each in view.of(kind, Purpose.BUILD).accepted)
    return sorted(each.signed_at for each in items if each.signed_at is not None)


def approvals(view: View, wanted: Approvals | None) -> list[Finding]:
    """Enough different persons approved this digest for this channel."""
    if wanted is None:
        return []
    found = view.of(APPROVAL_TYPE, Purpose.APPROVE)
    builders = builders_of(view.evidence)
    persons: dict[str, str] = {}
    refused = list(found.refused)
    for item in found.accepted:
        flaw = _approval_flaw(view, item, wanted, builders)
        if flaw:
            refused.append(f"{named(item.source)}: {flaw}")
        else:
            persons.setdefault(str(item.key.person), item.source)
    counted = distinct(persons)
    reason = f"{len(counted)} of {wanted.persons} persons approved"
    if refused:
        reason += "; not counted: " + "; ".join(refused[:5])
    sources = tuple(persons[person] for person in counted)
    return [finding(Requirement.APPROVALS, len(counted) >= wanted.persons, reason, sources)]


def builders_of(evidence: Evidence) -> list[str]:
    """Who spoke of the digest as its builder, whether or not that counts here: against an approval it does."""
    said = [(item.reading.key, item.reading.statement) for item in evidence.items]
    return [
        key.person
        for key, statement in said
        if key is not None and key.person and statement is not None and statement.predicate_type in _BUILT
        if statement.subject == evidence.digest
    ]


def _approval_flaw(view: View, item: Accepted, wanted: Approvals, builders: list[str]) -> str:
    said = item.statement.predicate
    if said.get("channel") != view.channel:
        return f"approves for {str(said.get('channel'))[:63]}, not for {view.channel}"
    if not same_person(said.get("person"), item.key.person):
        return f"names {str(said.get('person'))[:100]}, the key is held by {item.key.person}"
    taken_back = _taken_back_since(view, item)
    if taken_back:
        return f"was given before the digest was taken back from {view.channel}: {taken_back}"
    if wanted.apart_from_builder and any(same_person(item.key.person, each) for each in builders):
        return f"{item.key.person} signed the image and cannot approve it too"
    if wanted.max_age is None:
        return ""
    age = view.age(item)
    if age is None:
        return "does not say when it was signed"
    limit = span(wanted.max_age)
    return f"is {shown(age)} old, {shown(limit)} are allowed" if age > limit else ""


def _taken_back_since(view: View, item: Accepted) -> str:
    """Why the digest left the channel after somebody approved it; empty when it did not."""
    stay = (view.evidence.stays.channels or {}).get(view.channel)
    if stay is None or stay.left is None or (item.signed_at is not None and item.signed_at > stay.left):
        return ""
    return stay.taken_back


def waive(view: View, findings: list[Finding], wanted: Waivers) -> list[Finding]:
    """The findings, with those waived that enough persons waived; only checks and scenarios can be."""
    return [
        _waived(view, each, wanted)
        if each.status is Status.UNSATISFIED and each.requirement in (Requirement.CHECK, Requirement.SCENARIO)
        else each
        for each in findings
    ]


def _waived(view: View, bad: Finding, wanted: Waivers) -> Finding:
    name = bad.about if bad.requirement is Requirement.CHECK else bad.name
    found = view.of(WAIVER_TYPE, Purpose.WAIVE)
    asked = _asked(view.evidence, name)
    if not asked:
        return bad
    if wanted.persons == 0:
        return replace(bad, reason=f"{bad.reason}; waivers do not count in {view.channel}")
    if any(fnmatchcase(name, pattern) or _meet(name, pattern) for pattern in wanted.never):
        return replace(bad, reason=f"{bad.reason}; the policy says that this is never waived")
    accepted, refused = _counted(view, found.accepted, name, wanted)
    refused += [line for line in found.refused if any(line.startswith(f"{named(source)}: ") for source in asked)]
    by = {str(item.key.person): item for item, _ in accepted}
    persons = {person: by[person] for person in distinct(by)}
    if len(persons) < wanted.persons:
        text = f"{bad.reason}; waived by {len(persons)} of {wanted.persons} persons"
        return replace(bad, reason=text + (f", not counted: {'; '.join(refused[:5])}" if refused else ""))
    names = " and ".join(sorted(str(item.key.person) for item in persons.values()))
    until = min(waiver.expires for _, waiver in accepted)
    text = f"{bad.reason}; waived by {names} until {day(until)}: {accepted[0][1].reason}"
    return replace(bad, status=Status.WAIVED, reason=text, sources=tuple(item.source for item in persons.values()))


def _meet(name: str, never: str) -> bool:
    """Whether a requirement that is a pattern itself may cover what is never waived; more often yes than it must."""
    if not _GLOB.search(name):
        return False
    one, other = (_GLOB.split(each, maxsplit=1)[0] for each in (name, never))
    return one.startswith(other) or other.startswith(one)


def _asked(evidence: Evidence, name: str) -> list[str]:
    """Sources of everything that claims to be a waiver of this check, whoever signed it."""
    return [
        item.source
        for item in evidence.items
        if item.reading.statement is not None
        and item.reading.statement.predicate_type == WAIVER_TYPE
        and _is_about(item.reading.statement, name)
    ]


def _is_about(waiver: Statement, name: str) -> bool:
    """Whether a waiver names this check or scenario, perhaps by the words of before 2026-12."""
    check = waiver.predicate.get("check")
    return isinstance(check, str) and check_id_today(check) == name


def _counted(
    view: View, items: tuple[Accepted, ...], name: str, wanted: Waivers
) -> tuple[list[tuple[Accepted, Waiver]], list[str]]:
    accepted: list[tuple[Accepted, Waiver]] = []
    refused: list[str] = []
    for item in items:
        if not _is_about(item.statement, name):
            continue
        waiver = read_waiver(item.statement)
        flaw = "is not complete" if waiver is None else _waiver_flaw(view, item, waiver, wanted)
        if waiver is not None and not flaw:
            accepted.append((item, waiver))
        else:
            refused.append(f"{named(item.source)}: {flaw}")
    return accepted, refused


def _waiver_flaw(view: View, item: Accepted, waiver: Waiver, wanted: Waivers) -> str:
    if not same_person(waiver.person, item.key.person):
        return f"names {waiver.person[:100]}, the key is held by {item.key.person}"
    if view.channel not in waiver.channels:
        return f"is for {', '.join(waiver.channels) or 'no channel'}, not for {view.channel}"
    if waiver.expires <= view.now:
        return f"expired {day(waiver.expires)}"
    if item.signed_at is None:
        return "does not say when it was signed"
    if waiver.expires - item.signed_at > span(wanted.longest):
        return f"runs for {shown(waiver.expires - item.signed_at)}, {shown(span(wanted.longest))} are allowed"
    return ""
