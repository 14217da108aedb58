"""A report as an in-toto statement: its subject is the report's JSON, so that whoever has the file can check it."""

from __future__ import annotations

from collections import Counter

from imagekit.audit.asked import stamp
from imagekit.audit.model import Report
from imagekit.audit.show import FORMAT
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.statement import Statement

NAME = "report.json"


def statement_of(report: Report, document: bytes) -> Statement:
    """What the signer states of a report: which question, from which sources, with which verdicts."""
    counts = Counter(each.verdict.value for each in report.answers)
    question = report.question
    return Statement(
        subject=Digest.of(document),
        predicate_type=FORMAT,
        name=NAME,
        predicate={
            "question": {
                "node": question.node,
                "digest": question.digest,
                "from": stamp(question.begin),
                "to": stamp(question.end),
            },
            "asked": stamp(report.asked_at),
            "commit": report.head,
            "branch": report.branch,
            "observations": report.observed_head,
            "verdicts": dict(counts),
            "borneOut": report.borne_out,
            "problems": list(report.problems),
        },
    )
