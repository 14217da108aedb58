"""A report as text, JSON and CSV; what others wrote is cleaned here, once, for all of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from imagekit.audit.asked import stamp
from imagekit.audit.model import Answer, Change, Kind, Report
from imagekit.report.cleaned import cleaned

FORMAT = "urn:imagekit:audit:v1"
_DIGEST = 19
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|", "%")
COLUMNS = (
    *("node", "from", "to", "verdict", "digest", "version", "image", "channel", "cluster", "record", "commit"),
    *("candidates", "seen", "reasons"),
)


def as_text(report: Report) -> str:
    """For people: what was asked and how it was read, the intervals, then what they rest on and what is wrong."""
    report = cleaned(report)
    question = report.question
    lines = [
        question.text,
        f"read as {question.read_as}" if question.read_as else "",
        f"by {report.branch} at {report.head[:12]}, asked {stamp(report.asked_at)}; all times are UTC, [from, to)",
        "",
    ]
    several = len({each.node for each in report.answers}) != 1
    for each in report.answers:
        lines += _interval(each, several=several)
    if not report.answers:
        lines.append("no interval: the digest was on no node" if question.digest else "no interval")
    lines += _basis(report)
    lines += [f"note: {note}" for note in report.notes]
    lines += [f"PROBLEM: {problem}" for problem in report.problems]
    return "\n".join(line for at, line in enumerate(lines) if line or at > 1)


def _interval(each: Answer, *, several: bool) -> Iterator[str]:
    what = what_of(each)
    name = f"{each.node}  " if several else ""
    yield f"{name}{span_of(each)}  {each.verdict}  {what}"
    where = ", ".join(filter(None, (_named("channel", each.channel), _named("cluster", each.cluster))))
    commit = f"commit {each.commit[:12]}" if each.commit else ""
    reported = "; ".join(filter(None, (where, commit)))
    yield from (f"    {reported}",) if reported else ()
    yield from (f"    {reason}" for reason in each.reasons)
    yield from (f"    {said}" for said in unsaid_of(each))


def span_of(each: Answer) -> str:
    """An interval as text; the beginning of time and what lasts have words."""
    begin = stamp(each.begin) if each.begin else "the beginning"
    return f"[{begin}, {stamp(each.end) if each.end is not None else 'still'})"


def unsaid_of(each: Answer) -> list[str]:
    """What a node said that no reason repeats."""
    return [said for said in each.seen if not any(said in reason for reason in each.reasons)]


def what_of(each: Answer) -> str:
    """What an interval says the node was to run."""
    if each.digest:
        return " ".join(filter(None, (each.image, each.version, each.digest)))
    if each.candidates:
        return "one of: " + "; ".join(each.candidates)
    return {Kind.ABSENT: "not in the fleet", Kind.BEFORE: "before the history", Kind.NOTHING: "nothing"}.get(
        each.kind, "unreadable"
    )


def _named(what: str, name: str) -> str:
    return f"{what} {name}" if name else ""


def _basis(report: Report) -> Iterator[str]:
    if report.commits:
        yield ""
        yield "commits (merged, and when its author wrote it):"
    for each in report.commits:
        yield f"  {_change(each)}"
        yield from (f"    merged {_change(inner)}" for inner in each.merged)
    if report.records:
        yield "records:"
    yield from (f"  {number:>4}  {words}" for number, words in report.records.items())
    if report.standings:
        yield "evidence, asked now:"
    for digest, standing in report.standings.items():
        yield f"  {digest[:_DIGEST]} {standing.evidence}: {standing.reason}"
    if report.observed_head:
        yield f"observations: {report.observations}, chain ends in {report.observed_head[:12]}"


def _change(each: Change) -> str:
    written = f", written {stamp(each.authored)}" if each.authored != each.committed else ""
    return f"{each.commit[:12]}  {stamp(each.committed)}{written}  {each.author}: {each.subject}"


def as_json(report: Report) -> str:
    """For programs; the same report gives the same text. `docs/audit.md` has the fields."""
    return json.dumps(_document(cleaned(report)), indent=2, sort_keys=True, ensure_ascii=False)


def _document(report: Report) -> dict[str, Any]:
    question = report.question
    return {
        "format": FORMAT,
        "question": {
            "text": question.text,
            "node": question.node,
            "digest": question.digest,
            "from": stamp(question.begin),
            "to": stamp(question.end),
            "zone": question.zone,
        },
        "asked": stamp(report.asked_at),
        "source": {"branch": report.branch, "commit": report.head, "observations": report.observed_head},
        "borne_out": report.borne_out,
        "intervals": [_fields(each) for each in report.answers],
        "commits": [_commit(each) for each in report.commits],
        "records": {str(number): words for number, words in report.records.items()},
        "evidence": {digest: asdict(standing) for digest, standing in report.standings.items()},
        "notes": list(report.notes),
        "problems": list(report.problems),
    }


def _fields(each: Answer) -> dict[str, Any]:
    return {
        "node": each.node,
        "from": stamp(each.begin) if each.begin else None,
        "to": stamp(each.end) if each.end is not None else None,
        "verdict": each.verdict.value,
        "state": each.kind.value,
        "digest": each.digest or None,
        "version": each.version or None,
        "image": each.image,
        "channel": each.channel,
        "cluster": each.cluster,
        "record": each.record or None,
        "commit": each.commit or None,
        "candidates": list(each.candidates),
        "seen": list(each.seen),
        "reasons": list(each.reasons),
    }


def _commit(each: Change) -> dict[str, Any]:
    return {
        "commit": each.commit,
        "committed": stamp(each.committed),
        "authored": stamp(each.authored),
        "author": each.author,
        "subject": each.subject,
        "merged": [_commit(inner) for inner in each.merged],
    }


def as_csv(report: Report) -> str:
    """For spreadsheets (RFC 4180): one row an interval; no cell begins as a formula does."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for each in cleaned(report).answers:
        fields = _fields(each)
        writer.writerow([cell(fields[name]) for name in COLUMNS])
    return stream.getvalue()


def cell(value: object) -> str:
    """A value as text that no spreadsheet takes for a formula: one that begins like one is led by an apostrophe.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    text = (
        "; ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value or "")
    )
    text = " ".join(text.split())
    return f"'{text}" if text.startswith(_FORMULA) else text
