"""A promotion into a channel that demands a change record: refused without, kept as evidence with one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit.app.changerecord import declare_emergency
from imagekit.app.context import open_release_context
from imagekit.app.decided import ledger_of
from imagekit.app.keyring import create_key, public_pem, trust_key
from imagekit.app.people import Hand
from imagekit.app.trusted import gate_of, key_folder, trust_of
from imagekit.base.errors import ConfigError
from imagekit.oci.reference import Reference
from imagekit.release.channel.promote import promote
from imagekit.trust.change.model import CHANGE_TYPE
from imagekit.trust.gate.model import GateClosedError
from imagekit.trust.proof import read_proof
from imagekit.trust.sign.native import claimed_statement
from imagekit.trust.sign.trustfile import Purpose, TrustedKey
from tests.support.audited import POLICY, Scene, opened
from tests.support.project import commit
from tests.support.released import NAME

WANTS = """\
  prod:
    embedded: true
    tests: null
    sbom: []
    provenance: {required: false}
    change: {provider: {run: tools/change, seconds: 5}}
"""


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    policy = POLICY.rpartition("  prod:")[0] + WANTS
    with opened(tmp_path, monkeypatch, policy) as made:
        yield made


def system(scene: Scene, source: Reference, *, state: str = "open", committed: bool = True) -> None:
    """The change system's answer, in a program of the project."""
    answer = {
        "version": 1,
        "id": "CHG7",
        "state": state,
        "digests": [str(source.digest)],
        "approvals": [{"person": "Ada <ada@bank.example>"}],
    }
    path = scene.project.root / "tools" / "change"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\ncat > /dev/null; cat <<'END'\n{json.dumps(answer)}\nEND\n")
    path.chmod(0o755)
    if committed:
        commit(scene.project.root, "change system", "2026-02-01T00:00:00+00:00")


def move(scene: Scene, source: Reference, change: str = "") -> None:
    """Promote to prod under a change."""
    with open_release_context(scene.project, actor="ann@example.org", change=change) as context:
        promote(context, source, "prod", image=NAME, reason="quarterly")


def test_the_record_is_demanded_asked_and_kept(scene: Scene) -> None:
    source = scene.version(1)
    system(scene, source)
    with pytest.raises(GateClosedError, match="no change record was named"):
        move(scene, source)
    move(scene, source, "CHG7")
    with scene.world.client() as client:
        verifier = trust_of(scene.project).verifier(Purpose.PROMOTE)
        assert source.digest is not None
        kept = read_proof(client, f"imagekit/prod/{NAME}", source.digest, verifier).of_type(CHANGE_TYPE)
    assert [(each.predicate["id"], each.predicate["channel"]) for each in kept] == [("CHG7", "prod")]
    [(name, data)] = ledger_of(scene.project).records("HEAD")
    decision = {each["requirement"]: each["outcome"] for each in claimed_statement(data).predicate["decision"]}
    assert "CHG7 names this digest" in decision["change"]
    assert name == "000001.json"


def test_an_audit_shows_the_change(scene: Scene) -> None:
    source = scene.version(1)
    system(scene, source)
    move(scene, source, "CHG7")
    scene.fleet({"w1": {"channel": "prod"}}, "02-01T00:00")
    report = scene.ask(node="w1")
    assert any("change satisfied: CHG7" in words for words in report.records.values())


@pytest.mark.attack
def test_a_closed_change_and_another_digest_change_nothing(scene: Scene) -> None:
    one, two = scene.version(1), scene.version(2)
    system(scene, one, state="closed")
    with pytest.raises(GateClosedError, match="CHG7 is closed"):
        move(scene, one, "CHG7")
    system(scene, two)
    with pytest.raises(GateClosedError, match="not this digest"):
        move(scene, one, "CHG7")
    assert list(ledger_of(scene.project).records("HEAD")) == []


@pytest.mark.attack
def test_a_provider_that_nobody_committed_decides_nothing(scene: Scene) -> None:
    source = scene.version(1)
    system(scene, source, state="closed")
    system(scene, source, committed=False)
    with pytest.raises(ConfigError, match="tools/change"):
        move(scene, source, "CHG7")


def test_without_an_id_the_system_is_not_asked(scene: Scene) -> None:
    source = scene.version(1)
    path = scene.project.root / "tools" / "change"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\ntouch asked\n")
    path.chmod(0o755)
    with scene.world.client() as client:
        gate_of(scene.project, client, source, "prod")
    assert not (scene.project.root / "asked").exists()


def person(scene: Scene, name: str) -> Hand:
    """Somebody who may approve, in trust.yaml; committed."""
    entry = TrustedKey(
        id=name,
        pem=public_pem(create_key(scene.project, name)),
        purposes=(Purpose.APPROVE,),
        person=f"{name.title()} <{name}@bank.example>",
    )
    trust_key(scene.project, entry)
    commit(scene.project.root, f"trust {name}", "2026-02-02T00:00:00+00:00")
    return Hand(
        project=scene.project, key=str(key_folder(scene.project).relative_to(scene.project.root) / f"{name}.key")
    )


def test_two_persons_let_it_in_without_a_record_and_all_is_told(scene: Scene) -> None:
    source = scene.version(1)
    system(scene, source, state="closed")
    ada, bob = person(scene, "ada"), person(scene, "bob")
    with scene.world.client() as client:
        declare_emergency(ada, client, source, channel="prod", reason="INC-7", hours=2)
    with pytest.raises(GateClosedError, match="1 of 2 persons"):
        move(scene, source, "CHG7")
    with scene.world.client() as client:
        declare_emergency(bob, client, source, channel="prod", reason="INC-7", hours=2)
    move(scene, source, "CHG7")
    [(_, data)] = ledger_of(scene.project).records("HEAD")
    decision = {each["requirement"]: each["outcome"] for each in claimed_statement(data).predicate["decision"]}
    assert decision["change"].startswith("waived: CHG7 is closed; emergency by Ada")
    scene.fleet({"w1": {"channel": "prod"}}, "02-03T00:00")
    assert any("waived: CHG7 is closed" in words for words in scene.ask(node="w1").records.values())


@pytest.mark.attack
def test_an_emergency_longer_than_the_policy_is_not_signed(scene: Scene) -> None:
    source = scene.version(1)
    system(scene, source)
    hand = person(scene, "ada")
    with scene.world.client() as client:
        with pytest.raises(ConfigError, match="longer than"):
            declare_emergency(hand, client, source, channel="prod", reason="INC-7", hours=9)
        with pytest.raises(ConfigError, match="no emergency"):
            declare_emergency(hand, client, source, channel="dev", reason="INC-7", hours=2)
        with pytest.raises(ConfigError, match="needs a reason"):
            declare_emergency(hand, client, source, channel="prod", reason=" ", hours=2)
