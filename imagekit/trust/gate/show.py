"""A decision for people, for programs and for a pull request."""

from __future__ import annotations

import json

from imagekit.base.text import printable
from imagekit.trust.finding import Finding, Status
from imagekit.trust.gate.model import Decision
from imagekit.trust.gate.view import named
from imagekit.trust.sign.trust import day

_WIDTH = 13


def as_text(decision: Decision) -> str:
    """One line a requirement, the answer last."""
    names = max((len(item.name) for item in decision.findings), default=0)
    lines = [plain(f"{item.status:<{_WIDTH}}{item.name:<{names + 2}}{item.reason}") for item in decision.findings]
    return "\n".join([*lines, answer(decision)])


def answer(decision: Decision) -> str:
    """The answer in one line."""
    name = str(decision.digest or decision.reference)
    if decision.passed:
        waived = f", {len(decision.waived)} waived" if decision.waived else ""
        return f"may enter {decision.channel}: {name} ({len(decision.findings)} requirements{waived})"
    bad = f"{len(decision.unsatisfied)} of {len(decision.findings)} unsatisfied"
    return f"may NOT enter {decision.channel}: {name} ({bad})"


def as_json(decision: Decision) -> str:
    """The whole decision; the same decision gives the same text."""
    data = {
        "reference": decision.reference,
        "digest": str(decision.digest) if decision.digest else None,
        "channel": decision.channel,
        "policy": str(decision.policy),
        "at": decision.at.isoformat(timespec="seconds"),
        "passed": decision.passed,
        "requirements": [
            {"name": item.name, "status": str(item.status), "reason": item.reason, "sources": list(item.sources)}
            for item in decision.findings
        ],
    }
    return json.dumps(data, indent=2, ensure_ascii=False)


def as_markdown(decision: Decision) -> str:
    """A table for a job summary; what comes from evidence cannot leave its cell."""
    rows = [_row(item) for item in decision.findings]
    head = f"### Gate of `{decision.channel}`: {'passed' if decision.passed else 'closed'}"
    about = f"{_cell(decision.reference)}, {day(decision.at)}, policy `{named(str(decision.policy))}`"
    return "\n".join([head, "", about, "", "| | requirement | why |", "|---|---|---|", *rows])


def _row(item: Finding) -> str:
    mark = {Status.SATISFIED: "✅", Status.UNSATISFIED: "❌", Status.WAIVED: "⚠️"}[item.status]
    return f"| {mark} {item.status} | {_cell(item.name)} | {_cell(item.reason)} |"


def plain(text: str) -> str:
    """One line of text, whatever was in it: nothing that a terminal would obey."""
    return " ".join(printable(text).split("\n"))


def _cell(text: str) -> str:
    """Text that a table shows as it is: no cell, link, tag, mention or line can be made in it."""
    line = " ".join(plain(text).split())
    return "".join(f"&#{ord(letter)};" if letter in "|<>[]`*_~\\@&#$" else letter for letter in line)
