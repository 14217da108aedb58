"""The three forms of a decision; what comes from evidence stays text in all of them."""

from __future__ import annotations

import json

from imagekit.oci.reference import Digest
from imagekit.trust.finding import Finding, Requirement, Status
from imagekit.trust.gate.evaluate import evaluate
from imagekit.trust.gate.model import Decision
from imagekit.trust.gate.show import as_json, as_markdown, as_text
from tests.support.release import DIGEST, NOW, evidence, policy

HOSTILE = (
    "x | <script>alert(1)</script> [a](https://evil.example) `${{ secrets.X }}` @everyone\n| ✅ satisfied | \x1b[2J |"
)


def hostile() -> Decision:
    finding = Finding(requirement=Requirement.CHECK, about=HOSTILE, status=Status.UNSATISFIED, reason=HOSTILE)
    return Decision(reference="r", digest=DIGEST, channel="prod", policy=Digest.of(b"p"), at=NOW, findings=(finding,))


def test_text_ends_with_the_answer() -> None:
    lines = as_text(evaluate(policy(), "prod", evidence(), NOW, reference="host/x")).splitlines()
    assert all(line.startswith("satisfied    ") for line in lines[:-1])
    assert lines[-1] == f"may enter prod: {DIGEST} ({len(lines) - 1} requirements)"


def test_json_is_stable_and_whole() -> None:
    decision = evaluate(policy(), "prod", evidence(), NOW, reference="host/x")
    assert as_json(decision) == as_json(decision)
    data = json.loads(as_json(decision))
    assert (data["passed"], data["digest"], data["policy"]) == (True, str(DIGEST), str(policy().digest))
    assert len(data["requirements"]) == len(decision.findings)
    assert json.loads(as_json(hostile()))["requirements"][0]["reason"] == HOSTILE


def test_text_is_one_line_a_requirement_without_control_characters() -> None:
    text = as_text(hostile())
    assert len(text.splitlines()) == 2
    assert "\x1b" not in text


def test_markdown_cannot_be_broken_out_of() -> None:
    lines = as_markdown(hostile()).splitlines()
    row = lines[-1]
    assert row.count("|") == 4
    assert not {"<", ">", "[", "`", "@", "$"} & set(row)
    assert sum(line.startswith("| ✅") for line in lines) == 0
    assert lines[0] == "### Gate of `prod`: closed"
