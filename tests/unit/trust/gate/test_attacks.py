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
from imagekit.trust.gate.policy import Provenance, Waivers
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
    script,
    statements,
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


def good_rows(scene: Scene) -> Any:
    """The rows of the good test result."""
    return scene.signed["tests"].says.predicate["checks"]


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


@attack("signature of the last day that there is", "signature", "does not say when it was signed")
def _(scene: Scene) -> None:
    """D15: an OverflowError closed gate and yank with a traceback."""
    says = signature_statement(scene.digest, {"imagekit.signed": "9999-12-31T23:59:59-14:00"})
    scene.signed["signature"] = replace(scene.signed["signature"], says=says, at=None)


@attack("tests of the first day that there is", "tests", "does not say when the tests were run|15 days|days old")
def _(scene: Scene) -> None:
    """D15, variant."""
    change(scene, "tests", testedOn="0001-01-01T00:00:00+14:00")
    scene.signed["tests"] = replace(scene.signed["tests"], at=None)
    scene.keys["ours"] = trusted("ours", Purpose.BUILD)


@attack("signature with two signatures in its envelope", "signature", "exactly one signature")
def _(scene: Scene) -> None:
    """D17: it counted here and not for cosign."""
    twice = re.compile(rb'"signatures":\[(.*?)\]')
    scene.spoil["signature"] = lambda data: twice.sub(rb'"signatures":[\1,\1]', data)


@attack("statement with a key in two letter cases", "signature", "by letter case alone|not an in-toto statement")
def _(scene: Scene) -> None:
    """D17, variant: Go takes the last of the two."""
    scene.resign["signature"] = lambda said: said.replace(b'"subject":', b'"Subject":[],"subject":', 1)


@attack("statement in UTF-16", "signature", "not valid JSON|not UTF-8|not an in-toto statement")
def _(scene: Scene) -> None:
    """D17."""
    scene.resign["signature"] = lambda said: said.decode().encode("utf-16")


@attack("statement with a key that stands twice", "signature", "stands twice in one object")
def _(scene: Scene) -> None:
    """D17, variant."""
    scene.resign["signature"] = lambda said: said.replace(
        b'"predicateType":', b'"predicateType":"x","predicateType":', 1
    )


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


@attack("second result that says FAILED without a row", "tests", "the summary says FAILED, and no check or scenario")
def _(scene: Scene) -> None:
    """D12: the gate took the other result, verify refused."""
    failed = replace(result(scene.digest), predicate={"result": "FAILED"})
    scene.add("more", "ours", replace(failed, predicate={**failed.predicate, "checks": good_rows(scene)}))


@attack("second result with nothing in it", "tests", "a trusted test result is none: .*names no check")
def _(scene: Scene) -> None:
    """D12, variant."""
    scene.add("more", "ours", replace(result(scene.digest), predicate={"result": "FAILED"}))


@attack("second result whose checks cannot be read", "tests", "cannot be read: checks is no list of objects")
def _(scene: Scene) -> None:
    """D12, variant."""
    scene.add("more", "ours", replace(result(scene.digest), predicate={"result": "PASSED", "checks": {"a": "passed"}}))


@attack("second result whose failed tests are no list", "tests", "cannot be read: failedTests is no list")
def _(scene: Scene) -> None:
    """D12, variant."""
    good = result(scene.digest)
    scene.add("more", "ours", replace(good, predicate={**good.predicate, "failedTests": "base::ssh"}))


@attack("boot path that was not tested", "boot-path/direct", "not tested on it, only on: live")
def _(scene: Scene) -> None:
    entries = [e for e in scene.signed["tests"].says.predicate["configuration"] if "direct" not in str(e)]
    change(scene, "tests", configuration=entries)


@attack("scenario that failed", "scenario/upgrade", "failed, says")
def _(scene: Scene) -> None:
    scene.add("tests", "ours", result(scene.digest, scenarios=[script("install"), script("upgrade", Outcome.FAILED)]))


@attack("scenario that was skipped", "scenario/upgrade", "skipped, says")
def _(scene: Scene) -> None:
    scene.add("tests", "ours", result(scene.digest, scenarios=[script("install"), script("upgrade", Outcome.SKIPPED)]))


@attack("scenario that was not run", "scenario/upgrade", "missing: it was not run")
def _(scene: Scene) -> None:
    scene.add("tests", "ours", result(scene.digest, scenarios=[script("install")]))


@attack("scenario told twice, once good", "scenario/upgrade", "failed, says")
def _(scene: Scene) -> None:
    both = [script("install"), script("upgrade"), script("upgrade", Outcome.FAILED)]
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


# --- another image


@attack("digest and evidence copied to another image's repository", "identity", "is about image rocky9-k0s-node, not")
def _(scene: Scene) -> None:
    """D3."""
    scene.add("provenance", "ours", provenance(scene.digest, image="rocky9-k0s-node"))


@attack("test result of another image", "identity", "test-result.* is about image rocky9-k0s-node, not debian-node")
def _(scene: Scene) -> None:
    """D3, variant: the image name stands in the test result alone."""
    scene.add("tests", "ours", result(scene.digest, name="rocky9-k0s-node"))


@attack("two provenances, one about another image", "identity", "is about image rocky9-k0s-node")
def _(scene: Scene) -> None:
    """D3, variant."""
    scene.add("more", "ours", provenance(scene.digest, image="rocky9-k0s-node"))


@attack("signature that names another image", "identity", "is about image rocky9-k0s-node")
def _(scene: Scene) -> None:
    """D3, variant."""
    scene.add("signature", "ours", signature_statement(scene.digest, {"image": "rocky9-k0s-node"}))


@attack("architecture that is not the image's", "identity", "architecture arm64, not amd64")
def _(scene: Scene) -> None:
    """D3, variant."""
    definition = scene.signed["provenance"].says.predicate["buildDefinition"]
    given = {**definition["externalParameters"], "arch": "arm64"}
    change(scene, "provenance", buildDefinition={**definition, "externalParameters": given})


@attack("no evidence says which image it is", "identity", "no evidence of the builder says that this is debian-node")
def _(scene: Scene) -> None:
    """D3, variant: with a policy that asks for no provenance."""
    relaxed = requirements().model_copy(update={"provenance": Provenance(required=False)})
    scene.policy = scene.policy.model_copy(update={"channels": {"prod": relaxed}})
    del scene.signed["provenance"]


# --- the folder of denials


@attack("denial of another image under this one's name", "yank", "does not hold a denial by a trusted key .it says")
def _(scene: Scene) -> None:
    """Whoever may write one file copies one denial over another."""
    scene.file("yanks", "promoter", yank_statement(OTHER, person="Ann", reason="leaks"))
    [path] = (scene.project / "yanks").iterdir()
    path.rename(path.with_name(f"{scene.digest.hex}.json"))


@attack("yanks is a file", "yank", "it is no folder")
def _(scene: Scene) -> None:
    (scene.project / "yanks").write_bytes(b"")


@attack("yanks is a link to an empty folder", "yank", "it is no folder")
def _(scene: Scene) -> None:
    (scene.project / "elsewhere").mkdir()
    (scene.project / "yanks").symlink_to("elsewhere")


@attack("yanks is a link to nothing", "yank", "it is no folder")
def _(scene: Scene) -> None:
    (scene.project / "yanks").symlink_to("gone")


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


@attack("two keys of one person, in another Unicode form", "approvals", "1 of 2 persons approved")
def _(scene: Scene) -> None:
    """D24."""
    again = "\uff21\uff24\uff21 <ada@bank\u200b.example>"
    scene.keys["bob"] = trusted("bob", Purpose.APPROVE, person=again)
    scene.add("bob", "bob", approval_statement(scene.digest, channel="prod", person=again))


@attack("two keys of one person, with letters that look alike", "approvals", "1 of 2 persons approved")
def _(scene: Scene) -> None:
    """D24, variant."""
    again = "\u0410d\u0430 <\u0430da@bank.example>"
    scene.keys["bob"] = trusted("bob", Purpose.APPROVE, person=again)
    scene.add("bob", "bob", approval_statement(scene.digest, channel="prod", person=again))


@attack("two keys of one person, by one mail address", "approvals", "1 of 2 persons approved")
def _(scene: Scene) -> None:
    """D24, variant."""
    again = "Countess of Lovelace <ada@bank.example>"
    scene.keys["bob"] = trusted("bob", Purpose.APPROVE, person=again)
    scene.add("bob", "bob", approval_statement(scene.digest, channel="prod", person=again))


@attack("builder who approves under another spelling", "approvals", "signed the image and cannot approve it too")
def _(scene: Scene) -> None:
    """D24, variant."""
    scene.keys["ours"] = trusted("ours", Purpose.BUILD, person="B\u043eb \u2060<BOB@bank.example>")


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


@attack("approval by whoever signed provenance and tests, not the image", "approvals", "signed the image and cannot")
def _(scene: Scene) -> None:
    scene.keys["ours"] = trusted("ours", Purpose.BUILD, person=BOB)
    scene.keys["robot"] = trusted("robot", Purpose.BUILD)
    scene.add("signature", "robot", signature_statement(scene.digest))


@attack("approval by a builder whose key does not count in this channel", "approvals", "signed the image and cannot")
def _(scene: Scene) -> None:
    scene.keys["hers"] = trusted("hers", Purpose.BUILD, person=BOB, channels=("staging",))
    scene.add("more", "hers", signature_statement(scene.digest))


@attack("two keys of one person, one by the address alone", "approvals", "1 of 2 persons approved")
def _(scene: Scene) -> None:
    again = "ada@bank.example"
    scene.keys["bob"] = trusted("bob", Purpose.APPROVE, person=again)
    scene.add("bob", "bob", approval_statement(scene.digest, channel="prod", person=again))


# --- waivers


@attack("waiver of a pattern that covers what is never waived", "check/base::*", "this is never waived")
def _(scene: Scene) -> None:
    asked = requirements().tests
    assert asked is not None
    tests = asked.model_copy(update={"checks": ("base::*",)})
    prod = scene.policy.of("prod").model_copy(update={"tests": tests})
    scene.policy = scene.policy.model_copy(update={"channels": {**scene.policy.channels, "prod": prod}})
    ran(scene, replace(check("root"), id="other::root"))
    for person, by in ((ADA, "ada"), (BOB, "bob")):
        waiver = Waiver(
            digest=scene.digest,
            check="base::*",
            person=person,
            reason="x",
            expires=NOW + 7 * DAY,
            channels=("prod",),
        )
        scene.file("waivers", by, waiver_statement(waiver))


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


@attack("waiver at the moment it expires", "check/base::ssh", "not counted: .*expired 2026-11-22 12:00")
def _(scene: Scene) -> None:
    waived(scene, ADA, "ada")
    waived(scene, BOB, "bob", expires=NOW)


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


def looks_like_a_denial(name: str, change: Callable[[bytes, Scene], bytes]) -> None:
    """D11: a trusted denial that is not in order is one all the same, and says so."""

    def act(scene: Scene) -> None:
        scene.add("yank", "promoter", yank(scene))
        scene.resign["yank"] = lambda said: change(said, scene)

    attack(f"denial {name}", "yank", "denied, in a form that cannot be read|yanked by Bob")(act)


looks_like_a_denial(
    "of two subjects",
    lambda said, scene: said.replace(
        b'"subject":[', b'"subject":[{"digest":{"sha256":"' + OTHER.hex.encode() + b'"}},', 1
    ),
)
looks_like_a_denial(
    "with the hash in capitals",
    lambda said, scene: said.replace(scene.digest.hex.encode(), scene.digest.hex.upper().encode()),
)
looks_like_a_denial(
    "whose predicate is a text", lambda said, scene: re.sub(rb'"predicate":\{.*?\}', b'"predicate":"CVE-2026-1"', said)
)
looks_like_a_denial(
    "whose predicate is a list", lambda said, scene: re.sub(rb'"predicate":(\{.*?\})', rb'"predicate":[\1]', said)
)
looks_like_a_denial("of a later version", lambda said, scene: said.replace(b"yank:v1", b"yank:v2"))
looks_like_a_denial(
    "with its type in capitals", lambda said, scene: said.replace(b"urn:imagekit:yank", b"URN:ImageKit:Yank")
)
looks_like_a_denial("of another statement version", lambda said, scene: said.replace(b"Statement/v1", b"Statement/v2"))
looks_like_a_denial("with a key twice", lambda said, scene: said.replace(b'"_type":', b'"_type":"x","_type":', 1))
looks_like_a_denial("in UTF-16", lambda said, scene: said.decode().encode("utf-16"))
looks_like_a_denial(
    "with a number that is none", lambda said, scene: said.replace(b'"predicate":{', b'"predicate":{"n":NaN,')
)
looks_like_a_denial(
    "by a hash of another kind alone",
    lambda said, scene: said.replace(b'"sha256":"' + scene.digest.hex.encode(), b'"sha512":"' + b"0" * 128),
)
looks_like_a_denial(
    "with the hash as a reference", lambda said, scene: said.replace(b'"sha256":"', b'"sha256":"sha256:')
)
looks_like_a_denial("cut off", lambda said, scene: said[:-1])


@attack(
    "denial in an envelope with two signatures", "yank", "in a form that cannot be read: not an in-toto|yanked by Bob"
)
def _(scene: Scene) -> None:
    """D11, D17."""
    scene.add("yank", "promoter", yank(scene))
    one = re.compile(rb'"signatures":\[(.*?)\]')
    scene.spoil["yank"] = lambda data: one.sub(rb'"signatures":[{"sig":"AAAA"},\1]', data)


@attack("denial in a bundle of another version", "yank", "yanked by Bob")
def _(scene: Scene) -> None:
    """D11: cosign reads every layer whose type begins so."""
    scene.add("yank", "promoter", yank(scene))
    scene.layer_type["yank"] = "application/vnd.dev.sigstore.bundle+json;version=0.2"


@attack("denial that hangs at another image", "yank", "yanked by Bob")
def _(scene: Scene) -> None:
    """D11: listed here, with another subject in its manifest; the statement is about this image."""
    scene.add("yank", "promoter", yank(scene))
    scene.hung_at["yank"] = OTHER


@attack("denial file with another ending", "yank", "yanked by Bob .*yanks/")
def _(scene: Scene) -> None:
    """D11."""
    scene.file("yanks", "promoter", yank(scene))
    for path in (scene.project / "yanks").iterdir():
        path.rename(path.with_suffix(".JSON"))


@attack("denial file in a folder below", "yank", "yanked by Bob .*yanks/2026/")
def _(scene: Scene) -> None:
    """D11."""
    scene.file("yanks/2026", "promoter", yank(scene))


@attack("denial file by a key that is not trusted any more", "yank", "does not hold a denial by a trusted key")
def _(scene: Scene) -> None:
    """D11, variant: the entry was taken out of trust.yaml; the file was reviewed, and names the digest."""
    scene.file("yanks", "eve", yank(scene))
    [path] = (scene.project / "yanks").iterdir()
    path.rename(path.with_name(f"{scene.digest.hex}.json"))


@attack("denial file that is larger than any", "yank", "larger than the 16 MiB")
def _(scene: Scene) -> None:
    """D11."""
    (scene.project / "yanks").mkdir()
    with (scene.project / "yanks" / "x.json").open("wb") as stream:
        stream.truncate(17 << 20)


@attack("denial file that is a link", "yank", "it is no regular file")
def _(scene: Scene) -> None:
    """D11, variant."""
    (scene.project / "yanks").mkdir()
    (scene.project / "yanks" / "x.json").symlink_to("/dev/zero")


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
    scene.add("odd", "eve", yank(scene))
    scene.resign["odd"] = lambda said: said[:-1]
    scene.add("old", "eve", yank(scene))
    scene.layer_type["old"] = "application/vnd.dev.sigstore.bundle+json;version=0.2"
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


def test_a_broken_statement_of_another_kind_by_a_trusted_key_is_no_denial(scene: Scene) -> None:
    """D11, the other side: an SBOM with two subjects stops nothing."""
    scene.add("more", "ours", scene.signed["cyclonedx"].says)
    scene.resign["more"] = lambda said: said.replace(b'"subject":[', b'"subject":[{"digest":{"sha1":"00"}},', 1)
    scene.settle()
    assert scene.gate().passed


def test_a_denial_of_another_image_in_two_letter_cases_stops_that_one_alone(scene: Scene) -> None:
    """D11, the other side: a pusher who hangs it here closes nothing."""
    scene.add("yank", "promoter", yank_statement(OTHER, person=BOB, reason="x"))
    scene.resign["yank"] = lambda said: said.replace(OTHER.hex.encode(), OTHER.hex.upper().encode())
    scene.settle()
    assert scene.gate().passed


def test_every_line_has_a_name_of_its_own() -> None:
    names = [line.name for line in TABLE]
    assert sorted(set(names)) == sorted(names)
