"""An audit of a real project: Git, ledger, registry and observations together, through to the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from imagekit.app.auditing import standing_of, store_of
from imagekit.audit.asked import stretch_of
from imagekit.audit.model import AuditVerdict, Evidence
from imagekit.audit.show import as_csv, as_json, as_text
from imagekit.observe.model import Observation, Source
from imagekit.oci.reference import Digest
from imagekit.trust.finding import Requirement, finding
from imagekit.trust.gate.model import Decision
from tests.support.audited import Scene, opened


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with opened(tmp_path, monkeypatch) as made:
        yield made


def at(text: str) -> int:
    """Seconds of a time of 2026."""
    return stretch_of(f"2026-{text}:00Z").begin


def saw(scene: Scene, node: str, moment: str, **said: object) -> None:
    """An observation of a node by SSH."""
    fields = {"node": node, "at": at(moment), "source": Source.SSH, "where": "10.0.0.1:22", "observer": "me@here"}
    store_of(scene.project).add([Observation(**{**fields, **said})])  # type: ignore[arg-type]


def test_proven_confirmed_contradicted_unknown(scene: Scene) -> None:
    one, two = scene.version(1), scene.version(2)
    scene.fleet({"w1": {"channel": "dev"}}, "02-01T00:00")
    scene.promote(one, "dev", "03-01T10:00")
    scene.promote(two, "dev", "03-10T10:00")
    saw(scene, "w1", "03-05T00:00", digest=str(one.digest), boot="a", booted=at("03-04T00:00"))
    saw(scene, "w1", "03-12T00:00", digest=str(one.digest))
    found = scene.ask(node="w1", span="2026-01-15..2026-03-15").answers
    assert [(each.verdict, each.digest) for each in found] == [
        (AuditVerdict.UNKNOWN, ""),  # not in the fleet
        (AuditVerdict.UNKNOWN, ""),  # the channel pointed at nothing
        (AuditVerdict.PROVEN, str(one.digest)),
        (AuditVerdict.CONFIRMED, str(one.digest)),
        (AuditVerdict.PROVEN, str(one.digest)),
        (AuditVerdict.UNKNOWN, str(two.digest)),  # seen running the one before, later
        (AuditVerdict.CONTRADICTED, str(two.digest)),
        (AuditVerdict.UNKNOWN, str(two.digest)),
    ]
    assert (found[3].begin, found[3].end) == (at("03-04T00:00"), at("03-05T00:00") + 1)
    assert found[-1].end is None


def test_a_registry_that_lost_the_evidence_proves_nothing(scene: Scene) -> None:
    one = scene.version(1)
    scene.fleet({"w1": {"channel": "dev"}}, "02-01T00:00")
    scene.promote(one, "dev", "03-01T10:00")
    for repository in scene.world.manifests:
        scene.world.manifests[repository].clear()
    [answer] = scene.ask(node="w1", at="2026-03-02").answers
    assert answer.verdict is AuditVerdict.UNKNOWN
    assert answer.digest == str(one.digest)
    assert "does not verify" in answer.reasons[0]


def test_offline_proves_nothing(scene: Scene) -> None:
    scene.fleet({"w1": {"channel": "dev"}}, "02-01T00:00")
    scene.promote(scene.version(1), "dev", "03-01T10:00")
    report = scene.ask(node="w1", at="2026-03-02", offline=True)
    assert [each.verdict for each in report.answers] == [AuditVerdict.UNKNOWN]
    assert [each.evidence for each in report.standings.values()] == [Evidence.UNASKED]
    assert not report.borne_out


def test_where_a_yanked_digest_is_still(scene: Scene) -> None:
    one = scene.version(1)
    scene.fleet({"w1": {"channel": "dev"}, "w2": {"channel": "prod"}}, "02-01T00:00")
    scene.promote(one, "dev", "03-01T10:00")
    scene.yank(one, "03-02T10:00")
    report = scene.ask(digest=str(one.digest))
    assert {each.node for each in report.answers} == {"w1"}
    assert any("still to run it: w1" in note for note in report.notes)


def test_every_form(scene: Scene) -> None:
    scene.fleet({"w1": {"channel": "dev"}}, "02-01T00:00")
    scene.promote(scene.version(1), "dev", "03-01T10:00", reason='=HYPERLINK("http://x")')
    report = scene.ask(fleet=True, at="2026-03-02")
    assert "proven" in as_text(report)
    assert json.loads(as_json(report))["intervals"][0]["verdict"] == "proven"
    assert '"w1"' in as_csv(report)


def test_an_index_of_which_one_image_was_withdrawn_or_is_unsigned_is_not_good() -> None:
    good = tuple(finding(each, True, "good") for each in (Requirement.SIGNATURE, Requirement.IDENTITY))
    decision = Decision(
        reference="r",
        digest=Digest.of(b"x"),
        channel="prod",
        policy=Digest.of(b"p"),
        at=datetime.now(UTC),
        findings=good,
    )
    inner = replace(finding(Requirement.YANK, False, "withdrawn by Ann"), image="0123456789ab")
    unsigned = replace(finding(Requirement.SIGNATURE, False, "there is no signature"), image="0123456789ab")
    assert (standing_of(decision).evidence, standing_of(decision).yanked) == (Evidence.GOOD, "")
    assert standing_of(replace(decision, findings=(*good, inner))).yanked == "withdrawn by Ann"
    found = standing_of(replace(decision, findings=(*good, unsigned)))
    assert (found.evidence, found.reason) == (Evidence.BAD, "0123456789ab/signature: there is no signature")
