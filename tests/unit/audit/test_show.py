"""A report in every form: no cell is a formula, nothing that others wrote is obeyed or becomes markup."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from imagekit.audit.model import Answer, AuditVerdict, Change, Evidence, Kind, Question, Report, Standing
from imagekit.audit.page import lanes, render_page, shown, ticks
from imagekit.audit.show import COLUMNS, as_csv, as_json, as_text, cell
from imagekit.audit.statement import statement_of
from imagekit.oci.reference import Digest

BEGIN = 1_767_225_600
DIGEST = "sha256:" + "a" * 64
NASTY = "=cmd|' /C calc'!A0\x1b[31m<script>alert(1)</script>\u202e\u2028,\"\r\n;"


def answer(**fields: object) -> Answer:
    """An interval of w1."""
    made = {
        "node": "w1",
        "begin": BEGIN,
        "end": BEGIN + 3600,
        "verdict": AuditVerdict.PROVEN,
        "reasons": ("decided by record 1",),
        "kind": Kind.RUNS,
        "digest": DIGEST,
        "version": "v1",
        "image": "node",
        "commit": "c" * 40,
    }
    return Answer(**{**made, **fields})  # type: ignore[arg-type]


def report(*answers: Answer, **fields: object) -> Report:
    """A report about w1."""
    question = Question(text="What ran: node w1", begin=BEGIN, end=BEGIN + 3600, node="w1", read_as="an hour")
    made = {
        "question": question,
        "asked_at": BEGIN + 7200,
        "branch": "main",
        "head": "d" * 40,
        "answers": answers or (answer(),),
        "commits": (
            Change(commit="c" * 40, committed=BEGIN, authored=BEGIN - 60, author="Ann <a@b>", subject="a change"),
        ),
        "standings": {DIGEST: Standing(evidence=Evidence.GOOD, reason="signature by ours")},
        "records": {1: "promote node v1 in prod by ann: a reason"},
    }
    return Report(**{**made, **fields})  # type: ignore[arg-type]


def test_text_says_how_the_question_was_read_and_what_it_rests_on() -> None:
    text = as_text(report())
    for part in (
        "an hour",
        "[2026-01-01T00:00:00Z, 2026-01-01T01:00:00Z)",
        "proven",
        DIGEST,
        "written",
        "record",
        "Ann",
    ):
        assert part in text


def test_a_gap_is_an_interval() -> None:
    found = answer(verdict=AuditVerdict.UNKNOWN, kind=Kind.ABSENT, digest="", version="", end=None, begin=0)
    text = as_text(report(found))
    assert "[the beginning, still)  unknown  not in the fleet" in text
    [row] = json.loads(as_json(report(found)))["intervals"]
    assert (row["from"], row["to"], row["digest"], row["state"]) == (None, None, None, "absent")


@pytest.mark.attack
def test_nothing_that_others_wrote_is_obeyed() -> None:
    found = report(
        answer(node=NASTY, version=NASTY, cluster=NASTY, reasons=(NASTY,), seen=(NASTY,)),
        notes=(NASTY,),
        problems=(NASTY,),
        records={1: NASTY},
        commits=(Change(commit="c" * 40, committed=BEGIN, authored=BEGIN, author=NASTY, subject=NASTY),),
    )
    for text in (as_text(found), as_csv(found), as_json(found), render_page(found)):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "<script>" not in render_page(found)
    assert "script-src" not in render_page(found)


@pytest.mark.attack
@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "|calc", "%0A=1", "\n=1"])
def test_no_cell_begins_as_a_formula(text: str) -> None:
    assert cell(text).startswith("'")
    [_, row] = list(csv.reader(io.StringIO(as_csv(report(answer(node=text))))))
    assert row[0].startswith("'")


def test_the_csv_has_a_row_an_interval() -> None:
    rows = list(csv.reader(io.StringIO(as_csv(report(answer(), answer(reasons=("one", "two")))))))
    assert rows[0] == list(COLUMNS)
    assert len(rows) == 3
    assert dict(zip(rows[0], rows[2], strict=True))["reasons"] == "one; two"


def test_the_same_report_gives_the_same_bytes() -> None:
    assert as_json(report()) == as_json(report())
    assert render_page(report()) == render_page(report())


@pytest.mark.parametrize("seconds", [1, 60, 3600, 86_400, 30 * 86_400, 366 * 86_400, 20 * 366 * 86_400])
def test_the_axis_has_a_few_dates(seconds: int) -> None:
    found = ticks(BEGIN, BEGIN + seconds)
    assert len(found) <= 24
    assert all(0 <= each.left < 100 for each in found)


def test_a_second_that_contradicts_is_seen_on_a_lane_of_years() -> None:
    """An observation lasts a second; the one red bar of a fleet's page was rounded away."""
    years, said = 3 * 365 * 86400, "seen by ssh saying sha256:ffff"
    sure, odd = (
        answer(node=node, end=BEGIN + 60, verdict=verdict, seen=(said,), reasons=(f"{said}, Git says v1",))
        for node, verdict in (("w1", AuditVerdict.PROVEN), ("w2", AuditVerdict.CONTRADICTED))
    )
    found = report(sure, replace(odd, begin=BEGIN + 60, end=BEGIN + 61), answer(begin=BEGIN + 61, end=BEGIN + years))
    page = render_page(replace(found, question=replace(found.question, end=BEGIN + years)))
    assert page.count('<div class="bar contradicted') == 1
    assert page.count(f"{said}, Git says") == page.count(said) == 2, "not once more below the reason"
    assert '<summary>w2 <span class="tag contradicted">1 contradicted</span>' in page


def test_the_lanes_of_a_whole_history_begin_a_little_before_the_first_node_ran() -> None:
    """Thirteen minutes of a node were a line as thin as a hair after a week without it; the week is still told."""
    week = 7 * 86400
    before = answer(begin=BEGIN - week, end=BEGIN, verdict=AuditVerdict.UNKNOWN, kind=Kind.ABSENT, digest="")
    found = report(before, answer(end=BEGIN + 900), answer(begin=BEGIN + 900, end=None), asked_at=BEGIN + 1800)
    whole = replace(found, question=replace(found.question, begin=0, end=BEGIN + 1800))
    assert shown(whole) == (BEGIN - 300, BEGIN + 1800)
    assert [round(bar.width) for bar in lanes(whole.answers, *shown(whole))[0].bars] == [14, 43, 43]
    assert "2025-12-25T00:00:00Z" in render_page(whole)
    assert shown(found) == (BEGIN, BEGIN + 3600), "what was asked for is shown"
    assert shown(replace(whole, answers=(before,))) == (BEGIN - week, BEGIN)


def test_the_statement_is_about_the_report() -> None:
    document = as_json(report()).encode()
    said = statement_of(report(), document)
    assert said.subject == Digest.of(document)
    assert said.predicate["verdicts"] == {"proven": 1}
    assert said.predicate["borneOut"] is True


def test_without_an_interval_nothing_is_borne_out() -> None:
    found = report()
    assert found.borne_out
    assert not Report(question=found.question, asked_at=0, branch="", head="", answers=()).borne_out
