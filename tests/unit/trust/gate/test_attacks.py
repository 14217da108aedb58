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
from imagekit.machine.interface import Start
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
from imagekit.trust.finding import Status
from imagekit.trust.gate.model import GateClosedError
from imagekit.trust.gate.policy import Provenance, Waivers
from imagekit.trust.gate.summary import summary_of
from imagekit.trust.sign.trustfile import Purpose
from tests.support.gatefixture import REPOSITORY, GateFixture
from tests.support.images import check
from tests.support.release import (
    ADA,
    BOB,
    DAY,
    EVE,
    NOW,
    SUITE,
    policy,
    provenance,
    requirements,
    result,
    script,
    statements,
    trusted,
)

pytestmark = pytest.mark.attack

OTHER = Digest.of(b"another image")
Act = Callable[[GateFixture], None]


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


def change(fixture: GateFixture, name: str, **fields: Any) -> None:
    """Change fields of a predicate before it is signed."""
    each = fixture.signed[name]
    fixture.signed[name] = replace(each, says=replace(each.says, predicate={**each.says.predicate, **fields}))


def ran(fixture: GateFixture, *checks: CheckResult, suite: str = SUITE) -> None:
    """Another test result in the place of the good one."""
    run = SuiteResult(suite_hash=suite, checks=checks, seconds=1.0)
    fixture.add("tests", "ours", result(fixture.digest, suite=run))


def waived(fixture: GateFixture, person: str, by: str, *, at: Any = NOW - DAY, **fields: Any) -> None:
    """The check base::ssh failed, and here is somebody's waiver."""
    ran(fixture, check("root"), check("ssh", Outcome.FAILED))
    waiver = Waiver(
        digest=fixture.digest,
        check="base::ssh",
        person=person,
        reason="ticket 42",
        expires=NOW + 7 * DAY,
        channels=("prod",),
    )
    fixture.file("waivers", by, waiver_statement(replace(waiver, **fields)), at)


def good_rows(fixture: GateFixture) -> Any:
    """The rows of the good test result."""
    return fixture.signed["tests"].says.predicate["checks"]


# --- signatures and keys


@attack("unsigned image", "signature", "there is no signature")
def _(fixture: GateFixture) -> None:
    del fixture.signed["signature"]


@attack("signature by another key", "signature", "a key that is not trusted")
def _(fixture: GateFixture) -> None:
    fixture.signed["signature"] = replace(fixture.signed["signature"], by="eve")


@attack("all evidence by another key", "tests", "a key that is not trusted")
def _(fixture: GateFixture) -> None:
    for name, each in list(fixture.signed.items()):
        fixture.signed[name] = replace(each, by="eve")


@attack("signature altered after signing", "signature", "altered after signing|not a sigstore bundle|no signature")
def _(fixture: GateFixture) -> None:
    fixture.spoil["signature"] = lambda data: data.replace(b'"sig":"ME', b'"sig":"MF')


@attack("signature by a key trusted for something else", "signature", "trusted to promote, not to build")
def _(fixture: GateFixture) -> None:
    fixture.signed["signature"] = replace(fixture.signed["signature"], by="promoter")


@attack("signature by a key of another channel", "signature", "is not trusted for channel prod")
def _(fixture: GateFixture) -> None:
    fixture.keys["ours"] = trusted("ours", Purpose.BUILD, channels=("dev",))


@attack("signature by a key that the policy does not name", "signature", "signed by ours, the policy asks for release")
def _(fixture: GateFixture) -> None:
    wanted = requirements().signatures.model_copy(update={"keys": ("release",)})
    fixture.policy = fixture.policy.model_copy(
        update={"channels": {"prod": requirements().model_copy(update={"signatures": wanted})}}
    )


@attack("expired key", "signature", "after key ours expired")
def _(fixture: GateFixture) -> None:
    fixture.keys["ours"] = trusted("ours", Purpose.BUILD, not_after=NOW - 2 * DAY)


@attack("not-yet-valid key", "signature", "before key ours is valid")
def _(fixture: GateFixture) -> None:
    fixture.keys["ours"] = trusted("ours", Purpose.BUILD, not_before=NOW)


@attack("revoked key", "signature", "is revoked .stolen.: nothing that it signed counts")
def _(fixture: GateFixture) -> None:
    fixture.keys["ours"] = trusted("ours", Purpose.BUILD, revoked="stolen")


@attack("signature without a time by a key with a window", "signature", "does not say when it was signed")
def _(fixture: GateFixture) -> None:
    fixture.signed["signature"] = replace(fixture.signed["signature"], at=None)


@attack("clock skew: signed in the future", "signature", "which is in the future")
def _(fixture: GateFixture) -> None:
    fixture.signed["signature"] = replace(fixture.signed["signature"], at=NOW + timedelta(minutes=6))


@attack("clock skew: our clock a year behind", "signature", "in the future|before key ours is valid")
def _(fixture: GateFixture) -> None:
    fixture.now = NOW - 365 * DAY


@attack("clock skew: our clock a year ahead", "tests", "366 days old, 14 days are allowed")
def _(fixture: GateFixture) -> None:
    fixture.now = NOW + 365 * DAY


@attack("signature of the last day that there is", "signature", "does not say when it was signed")
def _(fixture: GateFixture) -> None:
    """D15: an OverflowError closed gate and yank with a traceback."""
    says = signature_statement(fixture.digest, {"imagekit.signed": "9999-12-31T23:59:59-14:00"})
    fixture.signed["signature"] = replace(fixture.signed["signature"], says=says, at=None)


@attack("tests of the first day that there is", "tests", "does not say when the tests were run|15 days|days old")
def _(fixture: GateFixture) -> None:
    """D15, variant."""
    change(fixture, "tests", testedOn="0001-01-01T00:00:00+14:00")
    fixture.signed["tests"] = replace(fixture.signed["tests"], at=None)
    fixture.keys["ours"] = trusted("ours", Purpose.BUILD)


@attack("signature with two signatures in its envelope", "signature", "exactly one signature")
def _(fixture: GateFixture) -> None:
    """D17: it counted here and not for cosign."""
    twice = re.compile(rb'"signatures":\[(.*?)\]')
    fixture.spoil["signature"] = lambda data: twice.sub(rb'"signatures":[\1,\1]', data)


@attack("statement with a key in two letter cases", "signature", "by letter case alone|not an in-toto statement")
def _(fixture: GateFixture) -> None:
    """D17, variant: Go takes the last of the two."""
    fixture.resign["signature"] = lambda said: said.replace(b'"subject":', b'"Subject":[],"subject":', 1)


@attack("statement in UTF-16", "signature", "not valid JSON|not UTF-8|not an in-toto statement")
def _(fixture: GateFixture) -> None:
    """D17."""
    fixture.resign["signature"] = lambda said: said.decode().encode("utf-16")


@attack("statement with a key that stands twice", "signature", "stands twice in one object")
def _(fixture: GateFixture) -> None:
    """D17, variant."""
    fixture.resign["signature"] = lambda said: said.replace(
        b'"predicateType":', b'"predicateType":"x","predicateType":', 1
    )


# --- evidence of another digest


@attack("evidence copied from another digest", "tests", "speaks of .*, another image")
def _(fixture: GateFixture) -> None:
    said = statements(OTHER)
    for name, each in list(fixture.signed.items()):
        fixture.signed[name] = replace(each, says=said[name][1])


@attack("signature copied from another digest", "signature", "speaks of .*, another image")
def _(fixture: GateFixture) -> None:
    fixture.add("signature", "ours", signature_statement(OTHER))


@attack("list of referrers emptied", "signature", "there is no signature")
def _(fixture: GateFixture) -> None:
    def empty(after: GateFixture) -> None:
        del after.world.tags[REPOSITORY][fallback_tag(after.digest)]

    fixture.afterwards = empty


# --- test results


@attack("evidence older than allowed", "tests", "15 days old, 14 days are allowed")
def _(fixture: GateFixture) -> None:
    fixture.add("tests", "ours", result(fixture.digest, tested=NOW - 15 * DAY), NOW - 15 * DAY)


@attack("old test result signed again today", "tests", "15 days old, 14 days are allowed")
def _(fixture: GateFixture) -> None:
    fixture.add("tests", "ours", result(fixture.digest, tested=NOW - 15 * DAY))


def forked(fixture: GateFixture, *starts: str | None) -> None:
    """A test result of machines that were started so, before a policy that wants cold boots; None: it does not say."""
    good = fixture.signed["tests"].says.predicate["configuration"]
    machine = next(entry for entry in good if entry["name"] == "machine")
    machines = []
    for start in starts:
        notes = {key: value for key, value in machine["annotations"].items() if key != "start"}
        machines.append({**machine, "annotations": notes | ({} if start is None else {"start": start})})
    others = [entry for entry in good if entry["name"] != "machine"]
    change(fixture, "tests", configuration=[*others, *machines])
    tests = requirements().tests
    assert tests is not None
    fixture.policy = policy(tests=tests.model_copy(update={"start": Start.COLD}))


@attack("result of a fork where cold boots are wanted", "tests", "comes from a fork, and the policy wants cold boots")
def _(fixture: GateFixture) -> None:
    forked(fixture, "fork", "fork")


@attack("one of two machines was a fork", "tests", "comes from a fork, and the policy wants cold boots")
def _(fixture: GateFixture) -> None:
    forked(fixture, "cold", "fork")


@attack("result that does not say how its machine was started", "tests", "does not say how its machines were started")
def _(fixture: GateFixture) -> None:
    forked(fixture, "cold", None)


@attack("a scenario of a fork", "tests", "comes from a fork, and the policy wants cold boots")
def _(fixture: GateFixture) -> None:
    scenario = {"name": "reset", "outcome": "passed", "start": "fork"}
    change(fixture, "tests", scenarios=[scenario])
    forked(fixture, "cold")


@attack("a start in other letters", "tests", "comes from a Cold, and the policy wants cold boots")
def _(fixture: GateFixture) -> None:
    forked(fixture, "Cold")


@attack("result of no machine at all", "tests", "does not say how its machines were started")
def _(fixture: GateFixture) -> None:
    forked(fixture)


@attack("test result of tomorrow", "tests", "which is in the future")
def _(fixture: GateFixture) -> None:
    fixture.add("tests", "ours", result(fixture.digest, tested=NOW + DAY))


@attack("no test result", "tests", "there is no test result")
def _(fixture: GateFixture) -> None:
    del fixture.signed["tests"]


@attack("test result with zero checks", "tests", "names no check; nothing was tested")
def _(fixture: GateFixture) -> None:
    ran(fixture)


@attack("empty test result", "tests", "names no check; nothing was tested")
def _(fixture: GateFixture) -> None:
    each = fixture.signed["tests"]
    fixture.signed["tests"] = replace(each, says=replace(each.says, predicate={}))


@attack("cancelled test run", "tests", "the summary says CANCELLED, and no check or scenario says why")
def _(fixture: GateFixture) -> None:
    change(fixture, "tests", result="CANCELLED")


@attack("suite hash that is not in the policy", "tests", "ran suite 666666666666: the checks here .* run again")
def _(fixture: GateFixture) -> None:
    ran(fixture, check("root"), suite="6" * 64)


@attack("no suite hash", "tests", "does not say which checks were run")
def _(fixture: GateFixture) -> None:
    change(fixture, "tests", configuration=[])


@attack("current suite of an unknown image", "tests", "this project has no image")
def _(fixture: GateFixture) -> None:
    fixture.suites = {}


@attack("only checks that warn", "tests", "has no required check")
def _(fixture: GateFixture) -> None:
    ran(fixture, check("root", required=False))


@attack("failed required check", "check/base::ssh", "failed, says")
def _(fixture: GateFixture) -> None:
    ran(fixture, check("root"), check("ssh", Outcome.FAILED))


@attack("skipped required check", "check/base::ssh", "skipped, says")
def _(fixture: GateFixture) -> None:
    ran(fixture, check("root"), check("ssh", Outcome.SKIPPED))


@attack("missing required check", "check/base::ssh", "missing, says")
def _(fixture: GateFixture) -> None:
    ran(fixture, check("root"), check("ssh", Outcome.MISSING))


@attack("errored required check", "check/base::ssh", "errored, says")
def _(fixture: GateFixture) -> None:
    ran(fixture, check("root"), check("ssh", Outcome.ERRORED))


@attack("check that the policy asks for was not run", "check/base::root", "missing: no check of that name was run")
def _(fixture: GateFixture) -> None:
    ran(fixture, check("ssh"))


@attack("check that the policy asks for only warned", "check/base::root", "failed where it had to pass")
def _(fixture: GateFixture) -> None:
    ran(fixture, check("root", Outcome.FAILED, required=False), check("ssh"))


@attack("failed check under a summary that says PASSED", "check/base::ssh", "failed, says")
def _(fixture: GateFixture) -> None:
    ran(fixture, check("root"), check("ssh", Outcome.FAILED))
    change(fixture, "tests", result="PASSED", failedTests=[], passedTests=["base::root", "base::ssh"])


@attack("failed result beside a passed one", "check/base::root", "failed, says")
def _(fixture: GateFixture) -> None:
    run = SuiteResult(suite_hash=SUITE, checks=(check("root", Outcome.FAILED),), seconds=1.0)
    fixture.add("more", "ours", result(fixture.digest, suite=run), NOW - 2 * DAY)


@attack("second result that says FAILED without a row", "tests", "the summary says FAILED, and no check or scenario")
def _(fixture: GateFixture) -> None:
    """D12: the gate took the other result, verify refused."""
    failed = replace(result(fixture.digest), predicate={"result": "FAILED"})
    fixture.add("more", "ours", replace(failed, predicate={**failed.predicate, "checks": good_rows(fixture)}))


@attack("second result with nothing in it", "tests", "a trusted test result is none: .*names no check")
def _(fixture: GateFixture) -> None:
    """D12, variant."""
    fixture.add("more", "ours", replace(result(fixture.digest), predicate={"result": "FAILED"}))


@attack("second result whose checks cannot be read", "tests", "cannot be read: checks is no list of objects")
def _(fixture: GateFixture) -> None:
    """D12, variant."""
    fixture.add(
        "more", "ours", replace(result(fixture.digest), predicate={"result": "PASSED", "checks": {"a": "passed"}})
    )


@attack("second result whose failed tests are no list", "tests", "cannot be read: failedTests is no list")
def _(fixture: GateFixture) -> None:
    """D12, variant."""
    good = result(fixture.digest)
    fixture.add("more", "ours", replace(good, predicate={**good.predicate, "failedTests": "base::ssh"}))


@attack("boot path that was not tested", "boot-path/direct", "not tested on it, only on: live")
def _(fixture: GateFixture) -> None:
    entries = [e for e in fixture.signed["tests"].says.predicate["configuration"] if "direct" not in str(e)]
    change(fixture, "tests", configuration=entries)


@attack("scenario that failed", "scenario/upgrade", "failed, says")
def _(fixture: GateFixture) -> None:
    fixture.add(
        "tests", "ours", result(fixture.digest, scenarios=[script("install"), script("upgrade", Outcome.FAILED)])
    )


@attack("scenario that was skipped", "scenario/upgrade", "skipped, says")
def _(fixture: GateFixture) -> None:
    fixture.add(
        "tests", "ours", result(fixture.digest, scenarios=[script("install"), script("upgrade", Outcome.SKIPPED)])
    )


@attack("scenario that was not run", "scenario/upgrade", "missing: it was not run")
def _(fixture: GateFixture) -> None:
    fixture.add("tests", "ours", result(fixture.digest, scenarios=[script("install")]))


@attack("scenario told twice, once good", "scenario/upgrade", "failed, says")
def _(fixture: GateFixture) -> None:
    both = [script("install"), script("upgrade"), script("upgrade", Outcome.FAILED)]
    fixture.add("tests", "ours", result(fixture.digest, scenarios=both))


def _demand_suite(fixture: GateFixture, **fields: object) -> None:
    """The policy wants suite hardening; the result says of a check what `fields` say, and of the whole that it ran."""
    tests = requirements().tests
    assert tests is not None
    fixture.policy = policy(tests=tests.model_copy(update={"required_suites": ("hardening",)}))
    rows = [{**row, **fields} for row in fixture.signed["tests"].says.predicate["checks"]]
    change(fixture, "tests", checks=rows, suites=["base", "hardening"])


@attack("suite that is named and of which no check was run", "suite/hardening", "missing: no check of this suite")
def _(fixture: GateFixture) -> None:
    _demand_suite(fixture, suites=["base"])


@attack("suites that are no list", "tests", "suites of an entry of checks is no list of names")
def _(fixture: GateFixture) -> None:
    _demand_suite(fixture, suites="hardening")


@attack("suite of which only a failed check was run", "suite/hardening", "0 of 2 checks passed")
def _(fixture: GateFixture) -> None:
    _demand_suite(fixture, suites=["hardening"], required=False, outcome="failed")
    rows = fixture.signed["tests"].says.predicate["checks"]
    change(fixture, "tests", checks=[*rows, {**rows[0], "suites": [], "outcome": "passed", "required": True}])


# --- bills of materials, provenance


@attack("no SPDX bill of materials", "sbom/spdx", "there is no spdx bill of materials")
def _(fixture: GateFixture) -> None:
    del fixture.signed["spdx"]


@attack("bill of materials that lists nothing", "sbom/cyclonedx", "lists nothing")
def _(fixture: GateFixture) -> None:
    change(fixture, "cyclonedx", components=[])


@attack("no provenance", "provenance", "there is no provenance")
def _(fixture: GateFixture) -> None:
    del fixture.signed["provenance"]


@attack("provenance without a builder", "provenance", "does not say what SLSA v1 asks for")
def _(fixture: GateFixture) -> None:
    change(fixture, "provenance", runDetails={})


@attack("builder that the policy does not name", "provenance", "made by urn:evil, which the policy does not name")
def _(fixture: GateFixture) -> None:
    change(fixture, "provenance", runDetails={"builder": {"id": "urn:evil"}})


@attack("source with uncommitted changes", "source", "with changes that are in no commit")
def _(fixture: GateFixture) -> None:
    fixture.add("provenance", "ours", provenance(fixture.digest, revision="a" * 40 + "-dirty"))


@attack("source that is not known", "source", "the provenance names no commit")
def _(fixture: GateFixture) -> None:
    fixture.add("provenance", "ours", provenance(fixture.digest, revision="unknown"))


@attack("stand-in image in prod", "framework", "stands on the stand-in for Kairos")
def _(fixture: GateFixture) -> None:
    fixture.add("provenance", "ours", provenance(fixture.digest, embedded=True))


@attack("stand-in image with a second provenance that denies it", "framework", "stands on the stand-in for Kairos")
def _(fixture: GateFixture) -> None:
    fixture.add("more", "ours", provenance(fixture.digest, embedded=True))


@attack("framework that is not told", "framework", "does not say what framework")
def _(fixture: GateFixture) -> None:
    definition = fixture.signed["provenance"].says.predicate["buildDefinition"]
    given = {key: value for key, value in definition["externalParameters"].items() if key != "framework"}
    change(fixture, "provenance", buildDefinition={**definition, "externalParameters": given})


# --- another image


@attack("digest and evidence copied to another image's repository", "identity", "is about image rocky9-k0s-node, not")
def _(fixture: GateFixture) -> None:
    """D3."""
    fixture.add("provenance", "ours", provenance(fixture.digest, image="rocky9-k0s-node"))


@attack("test result of another image", "identity", "test-result.* is about image rocky9-k0s-node, not debian-node")
def _(fixture: GateFixture) -> None:
    """D3, variant: the image name stands in the test result alone."""
    fixture.add("tests", "ours", result(fixture.digest, name="rocky9-k0s-node"))


@attack("two provenances, one about another image", "identity", "is about image rocky9-k0s-node")
def _(fixture: GateFixture) -> None:
    """D3, variant."""
    fixture.add("more", "ours", provenance(fixture.digest, image="rocky9-k0s-node"))


@attack("signature that names another image", "identity", "is about image rocky9-k0s-node")
def _(fixture: GateFixture) -> None:
    """D3, variant."""
    fixture.add("signature", "ours", signature_statement(fixture.digest, {"image": "rocky9-k0s-node"}))


@attack("architecture that is not the image's", "identity", "architecture arm64, not amd64")
def _(fixture: GateFixture) -> None:
    """D3, variant."""
    definition = fixture.signed["provenance"].says.predicate["buildDefinition"]
    given = {**definition["externalParameters"], "arch": "arm64"}
    change(fixture, "provenance", buildDefinition={**definition, "externalParameters": given})


@attack("no evidence says which image it is", "identity", "no evidence of the builder says that this is debian-node")
def _(fixture: GateFixture) -> None:
    """D3, variant: with a policy that asks for no provenance."""
    relaxed = requirements().model_copy(update={"provenance": Provenance(required=False)})
    fixture.policy = fixture.policy.model_copy(update={"channels": {"prod": relaxed}})
    del fixture.signed["provenance"]


# --- the folder of denials


@attack("denial of another image under this one's name", "yank", "does not hold a denial by a trusted key .it says")
def _(fixture: GateFixture) -> None:
    """Whoever may write one file copies one denial over another."""
    fixture.file("yanks", "promoter", yank_statement(OTHER, person="Ann", reason="leaks"))
    [path] = (fixture.project / "yanks").iterdir()
    path.rename(path.with_name(f"{fixture.digest.hex}.json"))


@attack("yanks is a file", "yank", "it is no folder")
def _(fixture: GateFixture) -> None:
    (fixture.project / "yanks").write_bytes(b"")


@attack("yanks is a link to an empty folder", "yank", "it is no folder")
def _(fixture: GateFixture) -> None:
    (fixture.project / "elsewhere").mkdir()
    (fixture.project / "yanks").symlink_to("elsewhere")


@attack("yanks is a link to nothing", "yank", "it is no folder")
def _(fixture: GateFixture) -> None:
    (fixture.project / "yanks").symlink_to("gone")


# --- soak and approvals


def promoted(fixture: GateFixture, *, days: float = 4, channel: str = "staging") -> Statement:
    return summary_statement(
        fixture.digest,
        channel=channel,
        resource="oci://x/y",
        policy=OTHER,
        at=NOW - days * DAY,
        inputs=(),
        version="1",
        level=1,
    )


@attack("not long enough in staging", "soak", "2 days in staging, 3 days are asked for")
def _(fixture: GateFixture) -> None:
    fixture.add("staging", "promoter", promoted(fixture, days=2), NOW - 2 * DAY)


@attack("never in staging", "soak", "there is no verification summary of staging")
def _(fixture: GateFixture) -> None:
    del fixture.signed["staging"]


@attack("in another channel", "soak", "it was never let into staging")
def _(fixture: GateFixture) -> None:
    fixture.add("staging", "promoter", promoted(fixture, channel="dev"), NOW - 4 * DAY)


@attack("verification summary by the builder", "soak", "trusted to build, not to promote")
def _(fixture: GateFixture) -> None:
    fixture.add("staging", "ours", promoted(fixture), NOW - 4 * DAY)


@attack("verification summary that says FAILED", "soak", "it was never let into staging")
def _(fixture: GateFixture) -> None:
    change(fixture, "staging", verificationResult="FAILED")


@attack("verification summary dated back", "soak", "60 min in staging")
def _(fixture: GateFixture) -> None:
    fixture.add("staging", "promoter", promoted(fixture), NOW - timedelta(hours=1))


@attack("verification summary by a promoter of another channel", "soak", "not trusted for channel staging")
def _(fixture: GateFixture) -> None:
    fixture.keys["promoter"] = trusted("promoter", Purpose.PROMOTE, channels=("prod",))


@attack("one approval", "approvals", "1 of 2 persons approved")
def _(fixture: GateFixture) -> None:
    del fixture.signed["bob"]


@attack("two approvals by one person", "approvals", "1 of 2 persons approved")
def _(fixture: GateFixture) -> None:
    fixture.add("bob", "ada", approval_statement(fixture.digest, channel="prod", person=ADA, reason="again"))


@attack("two keys of one person", "approvals", "1 of 2 persons approved")
def _(fixture: GateFixture) -> None:
    again = "ada  <ADA@bank.example>"
    fixture.keys["bob"] = trusted("bob", Purpose.APPROVE, person=again)
    fixture.add("bob", "bob", approval_statement(fixture.digest, channel="prod", person=again))


@attack("two keys of one person, in another Unicode form", "approvals", "1 of 2 persons approved")
def _(fixture: GateFixture) -> None:
    """D24."""
    again = "\uff21\uff24\uff21 <ada@bank\u200b.example>"
    fixture.keys["bob"] = trusted("bob", Purpose.APPROVE, person=again)
    fixture.add("bob", "bob", approval_statement(fixture.digest, channel="prod", person=again))


@attack("two keys of one person, with letters that look alike", "approvals", "1 of 2 persons approved")
def _(fixture: GateFixture) -> None:
    """D24, variant."""
    again = "\u0410d\u0430 <\u0430da@bank.example>"
    fixture.keys["bob"] = trusted("bob", Purpose.APPROVE, person=again)
    fixture.add("bob", "bob", approval_statement(fixture.digest, channel="prod", person=again))


@attack("two keys of one person, by one mail address", "approvals", "1 of 2 persons approved")
def _(fixture: GateFixture) -> None:
    """D24, variant."""
    again = "Countess of Lovelace <ada@bank.example>"
    fixture.keys["bob"] = trusted("bob", Purpose.APPROVE, person=again)
    fixture.add("bob", "bob", approval_statement(fixture.digest, channel="prod", person=again))


@attack("builder who approves under another spelling", "approvals", "signed the image and cannot approve it too")
def _(fixture: GateFixture) -> None:
    """D24, variant."""
    fixture.keys["ours"] = trusted("ours", Purpose.BUILD, person="B\u043eb \u2060<BOB@bank.example>")


@attack("approval in somebody else's name", "approvals", "the key is held by Bob")
def _(fixture: GateFixture) -> None:
    fixture.add("bob", "bob", approval_statement(fixture.digest, channel="prod", person=EVE))


@attack("approval for another channel", "approvals", "approves for staging, not for prod")
def _(fixture: GateFixture) -> None:
    fixture.add("bob", "bob", approval_statement(fixture.digest, channel="staging", person=BOB))


@attack("approval of another digest", "approvals", "another image")
def _(fixture: GateFixture) -> None:
    fixture.add("bob", "bob", approval_statement(OTHER, channel="prod", person=BOB))


@attack("approval older than allowed", "approvals", "15 days old, 14 days are allowed")
def _(fixture: GateFixture) -> None:
    fixture.signed["bob"] = replace(fixture.signed["bob"], at=NOW - 15 * DAY)


@attack("approval by whoever signed the image", "approvals", "signed the image and cannot approve it too")
def _(fixture: GateFixture) -> None:
    fixture.keys["ours"] = trusted("ours", Purpose.BUILD, person=BOB)


@attack("approval by whoever signed provenance and tests, not the image", "approvals", "signed the image and cannot")
def _(fixture: GateFixture) -> None:
    fixture.keys["ours"] = trusted("ours", Purpose.BUILD, person=BOB)
    fixture.keys["robot"] = trusted("robot", Purpose.BUILD)
    fixture.add("signature", "robot", signature_statement(fixture.digest))


@attack("approval by a builder whose key does not count in this channel", "approvals", "signed the image and cannot")
def _(fixture: GateFixture) -> None:
    fixture.keys["hers"] = trusted("hers", Purpose.BUILD, person=BOB, channels=("staging",))
    fixture.add("more", "hers", signature_statement(fixture.digest))


@attack("two keys of one person, one by the address alone", "approvals", "1 of 2 persons approved")
def _(fixture: GateFixture) -> None:
    again = "ada@bank.example"
    fixture.keys["bob"] = trusted("bob", Purpose.APPROVE, person=again)
    fixture.add("bob", "bob", approval_statement(fixture.digest, channel="prod", person=again))


# --- waivers


@attack("waiver of a pattern that covers what is never waived", "check/base::*", "this is never waived")
def _(fixture: GateFixture) -> None:
    asked = requirements().tests
    assert asked is not None
    tests = asked.model_copy(update={"checks": ("base::*",)})
    prod = fixture.policy.of("prod").model_copy(update={"tests": tests})
    fixture.policy = fixture.policy.model_copy(update={"channels": {**fixture.policy.channels, "prod": prod}})
    ran(fixture, replace(check("root"), id="other::root"))
    for person, by in ((ADA, "ada"), (BOB, "bob")):
        waiver = Waiver(
            digest=fixture.digest,
            check="base::*",
            person=person,
            reason="x",
            expires=NOW + 7 * DAY,
            channels=("prod",),
        )
        fixture.file("waivers", by, waiver_statement(waiver))


@attack("waiver by one person", "check/base::ssh", "waived by 1 of 2 persons")
def _(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada")


@attack("two waivers by one person", "check/base::ssh", "waived by 1 of 2 persons")
def _(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada")
    waived(fixture, ADA, "ada", reason="again")


@attack("waiver for another digest", "check/base::ssh", "waived by 1 of 2 persons, not counted: .*another image")
def _(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada")
    waived(fixture, BOB, "bob", digest=OTHER)


@attack("expired waiver", "check/base::ssh", "waived by 1 of 2 persons, not counted: .*expired 2026-11-22 11:59")
def _(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada")
    waived(fixture, BOB, "bob", expires=NOW - timedelta(minutes=1))


@attack("waiver at the moment it expires", "check/base::ssh", "not counted: .*expired 2026-11-22 12:00")
def _(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada")
    waived(fixture, BOB, "bob", expires=NOW)


@attack("waiver by a key that is not trusted", "check/base::ssh", "not counted: .*a key that is not trusted")
def _(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada")
    waived(fixture, EVE, "eve")


@attack("waiver by a key that may not waive", "check/base::ssh", "not counted: .*trusted to build, not to waive")
def _(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada")
    waived(fixture, BOB, "ours")


@attack("waiver in somebody else's name", "check/base::ssh", "not counted: .*the key is held by Ada")
def _(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada")
    waived(fixture, BOB, "ada")


@attack("waiver for another channel", "check/base::ssh", "not counted: .*is for dev, not for prod")
def _(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada")
    waived(fixture, BOB, "bob", channels=("dev",))


@attack("waiver for too long", "check/base::ssh", "not counted: .*runs for 41 days, 14 days are allowed")
def _(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada")
    waived(fixture, BOB, "bob", expires=NOW + 40 * DAY)


@attack("waiver without a date", "check/base::ssh", "not counted: .*does not say when it was signed")
def _(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada")
    waived(fixture, BOB, "bob", at=None)


@attack("waiver without a reason", "check/base::ssh", "not counted: .*is not complete")
def _(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada")
    waived(fixture, BOB, "bob", reason=" ")


@attack("waiver for another check", "check/base::ssh", "^failed, says [0-9a-f]{12}$")
def _(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada", check="base::root")
    waived(fixture, BOB, "bob", check="base::root")


@attack("waivers of what nobody can waive", "check/base::ssh", "the policy says that this is never waived")
def _(fixture: GateFixture) -> None:
    strict = requirements().model_copy(update={"waivers": Waivers(persons=2, never=("base::s*",))})
    fixture.policy = fixture.policy.model_copy(update={"channels": {"prod": strict}})
    waived(fixture, ADA, "ada")
    waived(fixture, BOB, "bob")


@attack("waivers where none count", "check/base::ssh", "waivers do not count in prod")
def _(fixture: GateFixture) -> None:
    strict = requirements().model_copy(update={"waivers": Waivers(persons=0)})
    fixture.policy = fixture.policy.model_copy(update={"channels": {"prod": strict}})
    waived(fixture, ADA, "ada")
    waived(fixture, BOB, "bob")


@attack("waivers of a missing signature", "signature", "^there is no signature$")
def _(fixture: GateFixture) -> None:
    del fixture.signed["signature"]
    waived(fixture, ADA, "ada", check="signature")
    waived(fixture, BOB, "bob", check="signature")


@attack("damaged waiver", "check/base::ssh", "^failed, says [0-9a-f]{12}; waived by 1 of 2 persons$")
def _(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada")
    (fixture.project / "waivers" / "bad.json").write_bytes(b'{"dsseEnvelope": 1}')


# --- yanked


def yank(fixture: GateFixture) -> Statement:
    return yank_statement(fixture.digest, person=BOB, reason="CVE-2026-1")


@attack("yanked digest", "yank", "yanked by Bob .*: CVE-2026-1")
def _(fixture: GateFixture) -> None:
    fixture.add("yank", "promoter", yank(fixture))


@attack("yanked digest whose denial was removed from the registry", "yank", "yanked by Bob .*yanks/")
def _(fixture: GateFixture) -> None:
    fixture.file("yanks", "promoter", yank(fixture))


@attack("yanked digest, by a key that expired since", "yank", "yanked by Bob")
def _(fixture: GateFixture) -> None:
    fixture.keys["promoter"] = trusted("promoter", Purpose.PROMOTE, not_after=NOW - 2 * DAY)
    fixture.add("yank", "promoter", yank(fixture))


def looks_like_a_denial(name: str, change: Callable[[bytes, GateFixture], bytes]) -> None:
    """D11: a trusted denial that is not in order is one all the same, and says so."""

    def act(fixture: GateFixture) -> None:
        fixture.add("yank", "promoter", yank(fixture))
        fixture.resign["yank"] = lambda said: change(said, fixture)

    attack(f"denial {name}", "yank", "denied, in a form that cannot be read|yanked by Bob")(act)


looks_like_a_denial(
    "of two subjects",
    lambda said, fixture: said.replace(
        b'"subject":[', b'"subject":[{"digest":{"sha256":"' + OTHER.hex.encode() + b'"}},', 1
    ),
)
looks_like_a_denial(
    "with the hash in capitals",
    lambda said, fixture: said.replace(fixture.digest.hex.encode(), fixture.digest.hex.upper().encode()),
)
looks_like_a_denial(
    "whose predicate is a text",
    lambda said, fixture: re.sub(rb'"predicate":\{.*?\}', b'"predicate":"CVE-2026-1"', said),
)
looks_like_a_denial(
    "whose predicate is a list", lambda said, fixture: re.sub(rb'"predicate":(\{.*?\})', rb'"predicate":[\1]', said)
)
looks_like_a_denial("of a later version", lambda said, fixture: said.replace(b"yank:v1", b"yank:v2"))
looks_like_a_denial(
    "with its type in capitals", lambda said, fixture: said.replace(b"urn:imagekit:yank", b"URN:ImageKit:Yank")
)
looks_like_a_denial(
    "of another statement version", lambda said, fixture: said.replace(b"Statement/v1", b"Statement/v2")
)
looks_like_a_denial("with a key twice", lambda said, fixture: said.replace(b'"_type":', b'"_type":"x","_type":', 1))
looks_like_a_denial("in UTF-16", lambda said, fixture: said.decode().encode("utf-16"))
looks_like_a_denial(
    "with a number that is none", lambda said, fixture: said.replace(b'"predicate":{', b'"predicate":{"n":NaN,')
)
looks_like_a_denial(
    "by a hash of another kind alone",
    lambda said, fixture: said.replace(b'"sha256":"' + fixture.digest.hex.encode(), b'"sha512":"' + b"0" * 128),
)
looks_like_a_denial(
    "with the hash as a reference", lambda said, fixture: said.replace(b'"sha256":"', b'"sha256":"sha256:')
)
looks_like_a_denial("cut off", lambda said, fixture: said[:-1])


@attack(
    "denial in an envelope with two signatures", "yank", "in a form that cannot be read: not an in-toto|yanked by Bob"
)
def _(fixture: GateFixture) -> None:
    """D11, D17."""
    fixture.add("yank", "promoter", yank(fixture))
    one = re.compile(rb'"signatures":\[(.*?)\]')
    fixture.spoil["yank"] = lambda data: one.sub(rb'"signatures":[{"sig":"AAAA"},\1]', data)


@attack("denial in a bundle of another version", "yank", "yanked by Bob")
def _(fixture: GateFixture) -> None:
    """D11: cosign reads every layer whose type begins so."""
    fixture.add("yank", "promoter", yank(fixture))
    fixture.layer_type["yank"] = "application/vnd.dev.sigstore.bundle+json;version=0.2"


@attack("denial that hangs at another image", "yank", "yanked by Bob")
def _(fixture: GateFixture) -> None:
    """D11: listed here, with another subject in its manifest; the statement is about this image."""
    fixture.add("yank", "promoter", yank(fixture))
    fixture.hung_at["yank"] = OTHER


@attack("denial file with another ending", "yank", "yanked by Bob .*yanks/")
def _(fixture: GateFixture) -> None:
    """D11."""
    fixture.file("yanks", "promoter", yank(fixture))
    for path in (fixture.project / "yanks").iterdir():
        path.rename(path.with_suffix(".JSON"))


@attack("denial file in a folder below", "yank", "yanked by Bob .*yanks/2026/")
def _(fixture: GateFixture) -> None:
    """D11."""
    fixture.file("yanks/2026", "promoter", yank(fixture))


@attack("denial file by a key that is not trusted any more", "yank", "does not hold a denial by a trusted key")
def _(fixture: GateFixture) -> None:
    """D11, variant: the entry was taken out of trust.yaml; the file was reviewed, and names the digest."""
    fixture.file("yanks", "eve", yank(fixture))
    [path] = (fixture.project / "yanks").iterdir()
    path.rename(path.with_name(f"{fixture.digest.hex}.json"))


@attack("denial file that is larger than any", "yank", "larger than the 16 MiB")
def _(fixture: GateFixture) -> None:
    """D11."""
    (fixture.project / "yanks").mkdir()
    with (fixture.project / "yanks" / "x.json").open("wb") as stream:
        stream.truncate(17 << 20)


@attack("denial file that is a link", "yank", "it is no regular file")
def _(fixture: GateFixture) -> None:
    """D11, variant."""
    (fixture.project / "yanks").mkdir()
    (fixture.project / "yanks" / "x.json").symlink_to("/dev/zero")


@attack("yanked digest with waivers of the denial", "yank", "yanked by Bob")
def _(fixture: GateFixture) -> None:
    fixture.add("yank", "promoter", yank(fixture))
    waived(fixture, ADA, "ada", check="yank")
    waived(fixture, BOB, "bob", check="yank")


@pytest.mark.parametrize("line", TABLE, ids=lambda line: line.name)
def test_refused(fixture: GateFixture, line: Attack) -> None:
    line.act(fixture)
    fixture.settle()
    decision = fixture.gate()
    assert not decision.passed
    said = {item.name: item.reason for item in decision.unsatisfied}
    assert line.finding in said, said
    assert re.search(line.says, said[line.finding]), said[line.finding]


def test_without_an_attack_the_gate_opens(fixture: GateFixture) -> None:
    fixture.settle()
    decision = fixture.gate()
    assert decision.passed, decision.unsatisfied


def test_two_persons_can_waive(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada")
    waived(fixture, BOB, "bob")
    fixture.settle()
    decision = fixture.gate()
    assert decision.passed, decision.unsatisfied
    [item] = decision.waived
    assert (item.name, item.status) == ("check/base::ssh", Status.WAIVED)
    assert (
        "waived by Ada <ada@bank.example> and Bob <bob@bank.example> until 2026-11-29 12:00 UTC: ticket 42"
        in item.reason
    )


def test_a_waiver_may_run_as_long_as_is_allowed(fixture: GateFixture) -> None:
    """14 days to the second: a day less than "for too long" begins at."""
    longest = {"at": NOW - DAY, "expires": NOW + 13 * DAY}
    waived(fixture, ADA, "ada", **longest)
    waived(fixture, BOB, "bob", **longest)
    fixture.settle()
    assert fixture.gate().passed


def test_a_promoter_of_the_channel_before_is_enough_for_the_soak(fixture: GateFixture) -> None:
    fixture.keys["promoter"] = trusted("promoter", Purpose.PROMOTE, channels=("staging",))
    fixture.settle()
    assert fixture.gate().passed


def test_waivers_of_other_checks_stand_in_no_waivers_way(fixture: GateFixture) -> None:
    """They are read in the order of their names, which are hashes."""
    for number in range(8):
        waived(fixture, ADA, "ada", check="base::root", reason=f"another {number}")
    waived(fixture, ADA, "ada")
    waived(fixture, BOB, "bob")
    fixture.settle()
    assert fixture.gate().passed


def test_each_waiver_that_does_not_count_is_told_with_its_reason(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada", reason=" ")
    waived(fixture, BOB, "bob", channels=())
    waived(fixture, "A" * 120, "ada")
    waived(fixture, BOB, "bob", at=None)
    waived(fixture, BOB, "bob", channels=("dev", "test"))
    fixture.settle()
    (reason,) = [item.reason for item in fixture.gate().unsatisfied if item.name == "check/base::ssh"]
    told = reason.partition(", not counted: ")[2].split("; ")
    assert sorted(line.partition(": ")[2] for line in told) == [
        "does not say when it was signed",
        "is for dev, test, not for prod",
        "is for no channel, not for prod",
        "is not complete",
        f"names {'A' * 100}, the key is held by {ADA}",
    ]


@pytest.mark.parametrize("minutes", [-4, 4])
def test_small_skew_is_no_attack(fixture: GateFixture, minutes: int) -> None:
    fixture.signed["signature"] = replace(fixture.signed["signature"], at=NOW + timedelta(minutes=minutes))
    fixture.settle()
    assert fixture.gate().passed


def test_what_a_key_signed_inside_its_window_goes_on_to_count(fixture: GateFixture) -> None:
    fixture.keys["ours"] = trusted(
        "ours", Purpose.BUILD, not_before=NOW - 300 * DAY, not_after=NOW - timedelta(hours=1)
    )
    fixture.settle()
    assert fixture.gate().passed


def test_a_stranger_can_neither_help_nor_harm(fixture: GateFixture) -> None:
    fixture.add("yank", "eve", yank(fixture))
    fixture.add("odd", "eve", yank(fixture))
    fixture.resign["odd"] = lambda said: said[:-1]
    fixture.add("old", "eve", yank(fixture))
    fixture.layer_type["old"] = "application/vnd.dev.sigstore.bundle+json;version=0.2"
    run = SuiteResult(suite_hash=SUITE, checks=(check("root", Outcome.FAILED),), seconds=1.0)
    fixture.add("more", "eve", result(fixture.digest, suite=run))
    fixture.settle()
    assert fixture.gate().passed


def test_promotion_names_the_evidence_that_it_was_decided_from(fixture: GateFixture) -> None:
    waived(fixture, ADA, "ada")
    waived(fixture, BOB, "bob")
    fixture.settle()
    decision = fixture.gate()
    target = Reference("registry.example", "prod/node")
    fields = summary_of(decision, target, fixture.project, version="1").predicate
    assert len(fields["inputAttestations"]) == 10
    assert sum(entry["uri"].startswith("git+file:waivers/") for entry in fields["inputAttestations"]) == 2
    assert fields["policy"]["digest"]["sha256"] == fixture.policy.digest.hex
    fixture.now += 30 * DAY
    with pytest.raises(GateClosedError):
        summary_of(fixture.gate(), target, fixture.project, version="1")


def test_a_broken_statement_of_another_kind_by_a_trusted_key_is_no_denial(fixture: GateFixture) -> None:
    """D11, the other side: an SBOM with two subjects stops nothing."""
    fixture.add("more", "ours", fixture.signed["cyclonedx"].says)
    fixture.resign["more"] = lambda said: said.replace(b'"subject":[', b'"subject":[{"digest":{"sha1":"00"}},', 1)
    fixture.settle()
    assert fixture.gate().passed


def test_a_denial_of_another_image_in_two_letter_cases_stops_that_one_alone(fixture: GateFixture) -> None:
    """D11, the other side: a pusher who hangs it here closes nothing."""
    fixture.add("yank", "promoter", yank_statement(OTHER, person=BOB, reason="x"))
    fixture.resign["yank"] = lambda said: said.replace(OTHER.hex.encode(), OTHER.hex.upper().encode())
    fixture.settle()
    assert fixture.gate().passed


def test_every_line_has_a_name_of_its_own() -> None:
    names = [line.name for line in TABLE]
    assert sorted(set(names)) == sorted(names)
