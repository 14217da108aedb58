"""The table of attacks: one line each; the gate refuses with a sentence of its own, and nothing was changed.

An attack is a function that changes a good release before the gate looks at it. `@attack` names the line of the table,
the requirement that must be unsatisfied, and what its sentence must say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from imagekit.checks.outcome import CheckResult, Outcome, SuiteResult
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.referrers import fallback_tag
from imagekit.trust.evidence.decisions import (
    Waiver,
    approval_statement,
    summary_statement,
    waiver_statement,
    yank_statement,
)
from imagekit.trust.evidence.statement import Statement, signature_statement
from imagekit.trust.gate.model import GateClosedError, Status
from imagekit.trust.gate.policy import Waivers
from imagekit.trust.gate.summary import summary_of
from imagekit.trust.sign.trustfile import Purpose
from tests.support.images import check
from tests.support.release import (
    ADA,
    BOB,
    DAY,
    EVE,
    NOW,
    SUITE,
    provenance,
    requirements,
    result,
    statements,
    story,
    trusted,
)
from tests.support.scene import REPOSITORY, Scene

pytestmark = pytest.mark.attack

OTHER = Digest.of(b"another image")
Act = Callable[[Scene], None]


@dataclass(frozen=True, slots=True)
class Attack:
    """One line of the table."""

    name: str
    act: Act
    finding: str
    says: str


TABLE: list[Attack] = []


def attack(name: str, finding: str, says: str) -> Callable[[Act], Act]:
    """Put a function into the table."""

    def put(act: Act) -> Act:
        TABLE.append(Attack(name, act, finding, says))
        return act

    return put


def change(scene: Scene, name: str, **fields: Any) -> None:
    """Change fields of a predicate before it is signed."""
    each = scene.signed[name]
    scene.signed[name] = replace(each, says=replace(each.says, predicate={**each.says.predicate, **fields}))


def ran(scene: Scene, *checks: CheckResult, suite: str = SUITE) -> None:
    """Another test result in the place of the good one."""
    run = SuiteResult(suite_hash=suite, checks=checks, seconds=1.0)
    scene.add("tests", "ours", result(scene.digest, suite=run))


def waived(scene: Scene, person: str, by: str, *, at: Any = NOW - DAY, **fields: Any) -> None:
    """The check base::ssh failed, and here is somebody's waiver."""
    ran(scene, check("root"), check("ssh", Outcome.FAILED))
    waiver = Waiver(
        digest=scene.digest,
        check="base::ssh",
        person=person,
        reason="ticket 42",
        expires=NOW + 7 * DAY,
        channels=("prod",),
    )
    scene.file("waivers", by, waiver_statement(replace(waiver, **fields)), at)


# --- signatures and keys


@attack("unsigned image", "signature", "there is no signature")
def _(scene: Scene) -> None:
    del scene.signed["signature"]


@attack("signature by another key", "signature", "a key that is not trusted")
def _(scene: Scene) -> None:
    scene.signed["signature"] = replace(scene.signed["signature"], by="eve")


@attack("all evidence by another key", "tests", "a key that is not trusted")
def _(scene: Scene) -> None:
    for name, each in list(scene.signed.items()):
        scene.signed[name] = replace(each, by="eve")


@attack("signature altered after signing", "signature", "altered after signing|not a sigstore bundle|no signature")
def _(scene: Scene) -> None:
    scene.spoil["signature"] = lambda data: data.replace(b'"sig":"ME', b'"sig":"MF')


@attack("signature by a key trusted for something else", "signature", "trusted to promote, not to build")
def _(scene: Scene) -> None:
    scene.signed["signature"] = replace(scene.signed["signature"], by="promoter")


@attack("signature by a key of another channel", "signature", "is not trusted for channel prod")
def _(scene: Scene) -> None:
    scene.keys["ours"] = trusted("ours", Purpose.BUILD, channels=("dev",))


@attack("signature by a key that the policy does not name", "signature", "signed by ours, the policy asks for release")
def _(scene: Scene) -> None:
    wanted = requirements().signatures.model_copy(update={"keys": ("release",)})
    scene.policy = scene.policy.model_copy(
        update={"channels": {"prod": requirements().model_copy(update={"signatures": wanted})}}
    )


@attack("expired key", "signature", "after key ours expired")
def _(scene: Scene) -> None:
    scene.keys["ours"] = trusted("ours", Purpose.BUILD, not_after=NOW - 2 * DAY)


@attack("not-yet-valid key", "signature", "before key ours is valid")
def _(scene: Scene) -> None:
    scene.keys["ours"] = trusted("ours", Purpose.BUILD, not_before=NOW)


@attack("revoked key", "signature", "is revoked .stolen.: nothing that it signed counts")
def _(scene: Scene) -> None:
    scene.keys["ours"] = trusted("ours", Purpose.BUILD, revoked="stolen")


@attack("signature without a time by a key with a window", "signature", "does not say when it was signed")
def _(scene: Scene) -> None:
    scene.signed["signature"] = replace(scene.signed["signature"], at=None)


@attack("clock skew: signed in the future", "signature", "which is in the future")
def _(scene: Scene) -> None:
    scene.signed["signature"] = replace(scene.signed["signature"], at=NOW + timedelta(minutes=6))


@attack("clock skew: our clock a year behind", "signature", "in the future|before key ours is valid")
def _(scene: Scene) -> None:
    scene.now = NOW - 365 * DAY


@attack("clock skew: our clock a year ahead", "tests", "366 days old, 14 days are allowed")
def _(scene: Scene) -> None:
    scene.now = NOW + 365 * DAY


# --- evidence of another digest


@attack("evidence copied from another digest", "tests", "speaks of .*, another image")
def _(scene: Scene) -> None:
    said = statements(OTHER)
    for name, each in list(scene.signed.items()):
        scene.signed[name] = replace(each, says=said[name][1])


@attack("signature copied from another digest", "signature", "speaks of .*, another image")
def _(scene: Scene) -> None:
    scene.add("signature", "ours", signature_statement(OTHER))


@attack("list of referrers emptied", "signature", "there is no signature")
def _(scene: Scene) -> None:
    def empty(after: Scene) -> None:
        del after.world.tags[REPOSITORY][fallback_tag(after.digest)]

    scene.afterwards = empty


# --- test results


@attack("evidence older than allowed", "tests", "15 days old, 14 days are allowed")
def _(scene: Scene) -> None:
    scene.add("tests", "ours", result(scene.digest, tested=NOW - 15 * DAY), NOW - 15 * DAY)


@attack("old test result signed again today", "tests", "15 days old, 14 days are allowed")
def _(scene: Scene) -> None:
    scene.add("tests", "ours", result(scene.digest, tested=NOW - 15 * DAY))


@attack("test result of tomorrow", "tests", "which is in the future")
def _(scene: Scene) -> None:
    scene.add("tests", "ours", result(scene.digest, tested=NOW + DAY))


@attack("no test result", "tests", "there is no test result")
def _(scene: Scene) -> None:
    del scene.signed["tests"]


@attack("test result with zero checks", "tests", "names no check; nothing was tested")
def _(scene: Scene) -> None:
    ran(scene)


@attack("empty test result", "tests", "names no check; nothing was tested")
def _(scene: Scene) -> None:
    each = scene.signed["tests"]
    scene.signed["tests"] = replace(each, says=replace(each.says, predicate={}))


@attack("cancelled test run", "tests", "the summary says CANCELLED, and no check or scenario says why")
def _(scene: Scene) -> None:
    change(scene, "tests", result="CANCELLED")


@attack("suite hash that is not in the policy", "tests", "ran suite 666666666666, which the policy does not allow")
def _(scene: Scene) -> None:
    ran(scene, check("root"), suite="6" * 64)


@attack("no suite hash", "tests", "does not say which checks were run")
def _(scene: Scene) -> None:
    change(scene, "tests", configuration=[])


@attack("current suite of an unknown image", "tests", "this project has no image")
def _(scene: Scene) -> None:
    scene.suites = {}


@attack("only checks that warn", "tests", "has no required check")
def _(scene: Scene) -> None:
    ran(scene, check("root", required=False))


@attack("failed required check", "check/base::ssh", "failed, says")
def _(scene: Scene) -> None:
    ran(scene, check("root"), check("ssh", Outcome.FAILED))


@attack("skipped required check", "check/base::ssh", "skipped, says")
def _(scene: Scene) -> None:
    ran(scene, check("root"), check("ssh", Outcome.SKIPPED))


@attack("missing required check", "check/base::ssh", "missing, says")
def _(scene: Scene) -> None:
    ran(scene, check("root"), check("ssh", Outcome.MISSING))


@attack("errored required check", "check/base::ssh", "errored, says")
def _(scene: Scene) -> None:
    ran(scene, check("root"), check("ssh", Outcome.ERRORED))


@attack("check that the policy asks for was not run", "check/base::root", "missing: no check of that name was run")
def _(scene: Scene) -> None:
    ran(scene, check("ssh"))


@attack("check that the policy asks for only warned", "check/base::root", "failed where it had to pass")
def _(scene: Scene) -> None:
    ran(scene, check("root", Outcome.FAILED, required=False), check("ssh"))


@attack("failed check under a summary that says PASSED", "check/base::ssh", "failed, says")
def _(scene: Scene) -> None:
    ran(scene, check("root"), check("ssh", Outcome.FAILED))
    change(scene, "tests", result="PASSED", failedTests=[], passedTests=["base::root", "base::ssh"])


@attack("failed result beside a passed one", "check/base::root", "failed, says")
def _(scene: Scene) -> None:
    run = SuiteResult(suite_hash=SUITE, checks=(check("root", Outcome.FAILED),), seconds=1.0)
    scene.add("more", "ours", result(scene.digest, suite=run), NOW - 2 * DAY)


@attack("road that was not tested", "road/fast", "not tested on it, only on: live")
def _(scene: Scene) -> None:
    entries = [e for e in scene.signed["tests"].says.predicate["configuration"] if "fast" not in str(e)]
    change(scene, "tests", configuration=entries)


@attack("scenario that failed", "scenario/upgrade", "failed, says")
def _(scene: Scene) -> None:
    scene.add("tests", "ours", result(scene.digest, scenarios=[story("install"), story("upgrade", Outcome.FAILED)]))


@attack("scenario that was skipped", "scenario/upgrade", "skipped, says")
def _(scene: Scene) -> None:
    scene.add("tests", "ours", result(scene.digest, scenarios=[story("install"), story("upgrade", Outcome.SKIPPED)]))


@attack("scenario that was not run", "scenario/upgrade", "missing: it was not run")
def _(scene: Scene) -> None:
    scene.add("tests", "ours", result(scene.digest, scenarios=[story("install")]))


@attack("scenario told twice, once good", "scenario/upgrade", "failed, says")
def _(scene: Scene) -> None:
    both = [story("install"), story("upgrade"), story("upgrade", Outcome.FAILED)]
    scene.add("tests", "ours", result(scene.digest, scenarios=both))


# --- bills of materials, provenance


@attack("no SPDX bill of materials", "sbom/spdx", "there is no spdx bill of materials")
def _(scene: Scene) -> None:
    del scene.signed["spdx"]


@attack("bill of materials that lists nothing", "sbom/cyclonedx", "lists nothing")
def _(scene: Scene) -> None:
    change(scene, "cyclonedx", components=[])


@attack("no provenance", "provenance", "there is no provenance")
def _(scene: Scene) -> None:
    del scene.signed["provenance"]


@attack("provenance without a builder", "provenance", "does not say what SLSA v1 asks for")
def _(scene: Scene) -> None:
    change(scene, "provenance", runDetails={})


@attack("builder that the policy does not name", "provenance", "made by urn:evil, which the policy does not name")
def _(scene: Scene) -> None:
    change(scene, "provenance", runDetails={"builder": {"id": "urn:evil"}})


@attack("source with uncommitted changes", "source", "with changes that are in no commit")
def _(scene: Scene) -> None:
    scene.add("provenance", "ours", provenance(scene.digest, revision="a" * 40 + "-dirty"))


@attack("source that is not known", "source", "the provenance names no commit")
def _(scene: Scene) -> None:
    scene.add("provenance", "ours", provenance(scene.digest, revision="unknown"))


@attack("stand-in image in prod", "framework", "stands on the stand-in for Kairos")
def _(scene: Scene) -> None:
    scene.add("provenance", "ours", provenance(scene.digest, embedded=True))


@attack("stand-in image with a second provenance that denies it", "framework", "stands on the stand-in for Kairos")
def _(scene: Scene) -> None:
    scene.add("more", "ours", provenance(scene.digest, embedded=True))


@attack("framework that is not told", "framework", "does not say what framework")
def _(scene: Scene) -> None:
    definition = scene.signed["provenance"].says.predicate["buildDefinition"]
    given = {key: value for key, value in definition["externalParameters"].items() if key != "framework"}
    change(scene, "provenance", buildDefinition={**definition, "externalParameters": given})


# --- soak and approvals


def promoted(scene: Scene, *, days: float = 4, channel: str = "staging") -> Statement:
    return summary_statement(
        scene.digest,
        channel=channel,
        resource="oci://x/y",
        policy=OTHER,
        at=NOW - days * DAY,
        inputs=(),
        version="1",
        level=1,
    )


@attack("not long enough in staging", "soak", "2 days in staging, 3 days are asked for")
def _(scene: Scene) -> None:
    scene.add("staging", "promoter", promoted(scene, days=2), NOW - 2 * DAY)


@attack("never in staging", "soak", "there is no verification summary of staging")
def _(scene: Scene) -> None:
    del scene.signed["staging"]


@attack("in another channel", "soak", "it was never let into staging")
def _(scene: Scene) -> None:
    scene.add("staging", "promoter", promoted(scene, channel="dev"), NOW - 4 * DAY)


@attack("verification summary by the builder", "soak", "trusted to build, not to promote")
def _(scene: Scene) -> None:
    scene.add("staging", "ours", promoted(scene), NOW - 4 * DAY)


@attack("verification summary that says FAILED", "soak", "it was never let into staging")
def _(scene: Scene) -> None:
    change(scene, "staging", verificationResult="FAILED")


@attack("verification summary dated back", "soak", "60 min in staging")
def _(scene: Scene) -> None:
    scene.add("staging", "promoter", promoted(scene), NOW - timedelta(hours=1))


@attack("one approval", "approvals", "1 of 2 persons approved")
def _(scene: Scene) -> None:
    del scene.signed["bob"]


@attack("two approvals by one person", "approvals", "1 of 2 persons approved")
def _(scene: Scene) -> None:
    scene.add("bob", "ada", approval_statement(scene.digest, channel="prod", person=ADA, reason="again"))


@attack("two keys of one person", "approvals", "1 of 2 persons approved")
def _(scene: Scene) -> None:
    again = "ada  <ADA@bank.example>"
    scene.keys["bob"] = trusted("bob", Purpose.APPROVE, person=again)
    scene.add("bob", "bob", approval_statement(scene.digest, channel="prod", person=again))


@attack("approval in somebody else's name", "approvals", "the key is held by Bob")
def _(scene: Scene) -> None:
    scene.add("bob", "bob", approval_statement(scene.digest, channel="prod", person=EVE))


@attack("approval for another channel", "approvals", "approves for staging, not for prod")
def _(scene: Scene) -> None:
    scene.add("bob", "bob", approval_statement(scene.digest, channel="staging", person=BOB))


@attack("approval of another digest", "approvals", "another image")
def _(scene: Scene) -> None:
    scene.add("bob", "bob", approval_statement(OTHER, channel="prod", person=BOB))


@attack("approval older than allowed", "approvals", "15 days old, 14 days are allowed")
def _(scene: Scene) -> None:
    scene.signed["bob"] = replace(scene.signed["bob"], at=NOW - 15 * DAY)


@attack("approval by whoever signed the image", "approvals", "signed the image and cannot approve it too")
def _(scene: Scene) -> None:
    scene.keys["ours"] = trusted("ours", Purpose.BUILD, person=BOB)


# --- waivers


@attack("waiver by one person", "check/base::ssh", "waived by 1 of 2 persons")
def _(scene: Scene) -> None:
    waived(scene, ADA, "ada")


@attack("two waivers by one person", "check/base::ssh", "waived by 1 of 2 persons")
def _(scene: Scene) -> None:
    waived(scene, ADA, "ada")
    waived(scene, ADA, "ada", reason="again")


@attack("waiver for another digest", "check/base::ssh", "waived by 1 of 2 persons, not counted: .*another image")
def _(scene: Scene) -> None:
    waived(scene, ADA, "ada")
    waived(scene, BOB, "bob", digest=OTHER)


@attack("expired waiver", "check/base::ssh", "waived by 1 of 2 persons, not counted: .*expired 2026-11-22 11:59")
def _(scene: Scene) -> None:
    waived(scene, ADA, "ada")
    waived(scene, BOB, "bob", expires=NOW - timedelta(minutes=1))


@attack("waiver by a key that is not trusted", "check/base::ssh", "not counted: .*a key that is not trusted")
def _(scene: Scene) -> None:
    waived(scene, ADA, "ada")
    waived(scene, EVE, "eve")


@attack("waiver by a key that may not waive", "check/base::ssh", "not counted: .*trusted to build, not to waive")
def _(scene: Scene) -> None:
    waived(scene, ADA, "ada")
    waived(scene, BOB, "ours")


@attack("waiver in somebody else's name", "check/base::ssh", "not counted: .*the key is held by Ada")
def _(scene: Scene) -> None:
    waived(scene, ADA, "ada")
    waived(scene, BOB, "ada")


@attack("waiver for another channel", "check/base::ssh", "not counted: .*is for dev, not for prod")
def _(scene: Scene) -> None:
    waived(scene, ADA, "ada")
    waived(scene, BOB, "bob", channels=("dev",))


@attack("waiver for too long", "check/base::ssh", "not counted: .*runs for 41 days, 14 days are allowed")
def _(scene: Scene) -> None:
    waived(scene, ADA, "ada")
    waived(scene, BOB, "bob", expires=NOW + 40 * DAY)


@attack("waiver without a date", "check/base::ssh", "not counted: .*does not say when it was signed")
def _(scene: Scene) -> None:
    waived(scene, ADA, "ada")
    waived(scene, BOB, "bob", at=None)


@attack("waiver without a reason", "check/base::ssh", "not counted: .*is not complete")
def _(scene: Scene) -> None:
    waived(scene, ADA, "ada")
    waived(scene, BOB, "bob", reason=" ")


@attack("waiver for another check", "check/base::ssh", "^failed, says [0-9a-f]{12}$")
def _(scene: Scene) -> None:
    waived(scene, ADA, "ada", check="base::root")
    waived(scene, BOB, "bob", check="base::root")


@attack("waivers of what nobody can waive", "check/base::ssh", "the policy says that this is never waived")
def _(scene: Scene) -> None:
    strict = requirements().model_copy(update={"waivers": Waivers(persons=2, never=("base::s*",))})
    scene.policy = scene.policy.model_copy(update={"channels": {"prod": strict}})
    waived(scene, ADA, "ada")
    waived(scene, BOB, "bob")


@attack("waivers where none count", "check/base::ssh", "waivers do not count in prod")
def _(scene: Scene) -> None:
    strict = requirements().model_copy(update={"waivers": Waivers(persons=0)})
    scene.policy = scene.policy.model_copy(update={"channels": {"prod": strict}})
    waived(scene, ADA, "ada")
    waived(scene, BOB, "bob")


@attack("waivers of a missing signature", "signature", "^there is no signature$")
def _(scene: Scene) -> None:
    del scene.signed["signature"]
    waived(scene, ADA, "ada", check="signature")
    waived(scene, BOB, "bob", check="signature")


@attack("damaged waiver", "check/base::ssh", "^failed, says [0-9a-f]{12}; waived by 1 of 2 persons$")
def _(scene: Scene) -> None:
    waived(scene, ADA, "ada")
    (scene.project / "waivers" / "bad.json").write_bytes(b'{"dsseEnvelope": 1}')


# --- yanked


def yank(scene: Scene) -> Statement:
    return yank_statement(scene.digest, person=BOB, reason="CVE-2026-1")


@attack("yanked digest", "yank", "yanked by Bob .*: CVE-2026-1")
def _(scene: Scene) -> None:
    scene.add("yank", "promoter", yank(scene))


@attack("yanked digest whose denial was removed from the registry", "yank", "yanked by Bob .*yanks/")
def _(scene: Scene) -> None:
    scene.file("yanks", "promoter", yank(scene))


@attack("yanked digest, by a key that expired since", "yank", "yanked by Bob")
def _(scene: Scene) -> None:
    scene.keys["promoter"] = trusted("promoter", Purpose.PROMOTE, not_after=NOW - 2 * DAY)
    scene.add("yank", "promoter", yank(scene))


@attack("yanked digest with waivers of the denial", "yank", "yanked by Bob")
def _(scene: Scene) -> None:
    scene.add("yank", "promoter", yank(scene))
    waived(scene, ADA, "ada", check="yank")
    waived(scene, BOB, "bob", check="yank")


@pytest.mark.parametrize("line", TABLE, ids=lambda line: line.name)
def test_refused(scene: Scene, line: Attack) -> None:
    line.act(scene)
    scene.settle()
    decision = scene.gate()
    assert not decision.passed
    said = {item.name: item.reason for item in decision.unsatisfied}
    assert line.finding in said, said
    assert re.search(line.says, said[line.finding]), said[line.finding]


def test_without_an_attack_the_gate_opens(scene: Scene) -> None:
    scene.settle()
    decision = scene.gate()
    assert decision.passed, decision.unsatisfied


def test_two_persons_can_waive(scene: Scene) -> None:
    waived(scene, ADA, "ada")
    waived(scene, BOB, "bob")
    scene.settle()
    decision = scene.gate()
    assert decision.passed, decision.unsatisfied
    [item] = decision.waived
    assert (item.name, item.status) == ("check/base::ssh", Status.WAIVED)
    assert (
        "waived by Ada <ada@bank.example> and Bob <bob@bank.example> until 2026-11-29 12:00 UTC: ticket 42"
        in item.reason
    )


@pytest.mark.parametrize("minutes", [-4, 4])
def test_small_skew_is_no_attack(scene: Scene, minutes: int) -> None:
    scene.signed["signature"] = replace(scene.signed["signature"], at=NOW + timedelta(minutes=minutes))
    scene.settle()
    assert scene.gate().passed


def test_what_a_key_signed_inside_its_window_goes_on_to_count(scene: Scene) -> None:
    scene.keys["ours"] = trusted("ours", Purpose.BUILD, not_before=NOW - 300 * DAY, not_after=NOW - timedelta(hours=1))
    scene.settle()
    assert scene.gate().passed


def test_a_stranger_can_neither_help_nor_harm(scene: Scene) -> None:
    scene.add("yank", "eve", yank(scene))
    run = SuiteResult(suite_hash=SUITE, checks=(check("root", Outcome.FAILED),), seconds=1.0)
    scene.add("more", "eve", result(scene.digest, suite=run))
    scene.settle()
    assert scene.gate().passed


def test_promotion_names_the_evidence_that_it_was_decided_from(scene: Scene) -> None:
    waived(scene, ADA, "ada")
    waived(scene, BOB, "bob")
    scene.settle()
    decision = scene.gate()
    target = Reference("registry.example", "prod/node")
    fields = summary_of(decision, target, scene.project, version="1").predicate
    assert len(fields["inputAttestations"]) == 10
    assert sum(entry["uri"].startswith("git+file:waivers/") for entry in fields["inputAttestations"]) == 2
    assert fields["policy"]["digest"]["sha256"] == scene.policy.digest.hex
    scene.now += 30 * DAY
    with pytest.raises(GateClosedError):
        summary_of(scene.gate(), target, scene.project, version="1")


def test_every_line_has_a_name_of_its_own() -> None:
    names = [line.name for line in TABLE]
    assert sorted(set(names)) == sorted(names)
