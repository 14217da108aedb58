"""A digest with everything that the strictest channel asks for, to be spoilt one piece at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from imagekit.artifact.packagelist import packages_of_dpkg
from imagekit.checks.outcome import Outcome, SuiteResult
from imagekit.checks.scenario import ScenarioResult
from imagekit.machine.interface import BootPath
from imagekit.oci.reference import Digest
from imagekit.plan.model import Plan, Source, Stage, StageKind
from imagekit.trust.evidence.decisions import Waiver, approval_statement, summary_statement, waiver_statement
from imagekit.trust.evidence.provenance import LOCAL_BUILDER, Invocation, provenance_statement
from imagekit.trust.evidence.spdx import spdx, spdx_statement
from imagekit.trust.evidence.statement import Statement, signature_statement
from imagekit.trust.evidence.testresult import result_statement
from imagekit.trust.gate.model import Evidence, Item
from imagekit.trust.gate.policy import Approvals, Policy, Provenance, Requirements, Soak, Tests, Waivers
from imagekit.trust.sign.native import public_key_pem
from imagekit.trust.sign.trust import Holder, TrustStore, trust_one
from imagekit.trust.sign.trustfile import Purpose, TrustedKey
from tests.support.images import BOOT, DPKG_STATUS, check, evidence_of, key, signer

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SUITE = "5" * 64
IMAGE = "debian-node"
DIGEST = Digest.of(b"a good image")
SCENARIOS = ("install", "upgrade")
ADA, BOB, EVE = "Ada <ada@bank.example>", "Bob <bob@bank.example>", "Eve <eve@bank.example>"


def requirements() -> Requirements:
    """What the strict channel of these tests asks for."""
    return Requirements(
        tests=Tests(
            suites=("current",), boot_paths=("direct",), checks=("base::root",), scenarios=SCENARIOS, max_age="14d"
        ),
        provenance=Provenance(builders=(LOCAL_BUILDER,), clean_source=True),
        embedded=False,
        soak=Soak(channel="staging", time="3d"),
        approvals=Approvals(persons=2, max_age="14d"),
        waivers=Waivers(persons=2, longest="14d", never=("base::sealed",)),
    )


def policy(**changes: object) -> Policy:
    """A policy with a strict channel, ``prod``, behind staging; `changes` replace parts of what it asks for."""
    prod = requirements().model_copy(update=changes)
    return Policy(version=1, publish=Requirements(), channels={"staging": Requirements(), "prod": prod})


def trusted(name: str, *purposes: Purpose, **fields: object) -> TrustedKey:
    """An entry of a trust file for the test key of that name."""
    pem = public_key_pem(key(name).public_key()).decode()
    return TrustedKey.model_validate({"id": name, "pem": pem, "purposes": purposes, **fields})


def standard_keys(*, now: datetime = NOW) -> tuple[TrustedKey, ...]:
    """Who is trusted: a build key with a window, a key that promotes, and two people."""
    window = {"not_before": now - 300 * DAY, "not_after": now + 60 * DAY}
    people = (Purpose.APPROVE, Purpose.WAIVE)
    return (
        trusted("ours", Purpose.BUILD, **window),
        trusted("promoter", Purpose.PROMOTE),
        trusted("ada", *people, person=ADA),
        trusted("bob", *people, person=BOB),
    )


def trust(keys: Sequence[TrustedKey] | None = None) -> TrustStore:
    """A trust file of these keys."""
    holders: list[Holder] = []
    for each in standard_keys() if keys is None else keys:
        assert each.pem is not None
        holders += trust_one(each.pem.encode(), each.id, key=each).holders
    return TrustStore(holders)


def plan(*, revision: str = "a" * 40, embedded: bool = False, image: str = IMAGE, version: str = "v1") -> Plan:
    """A plan of one layer on a base image."""
    layer = Stage(
        name="base",
        kind=StageKind.LAYER,
        id="b" * 64,
        context="images/base",
        args={
            "BASE_IMAGE": "quay.io/rocky:9@sha256:" + "c" * 64,
            "KAIROS_INIT": "quay.io/init:1@sha256:" + "d" * 64,
            "LOCK": "f" * 64,
        },
        inputs={},
    )
    return Plan(
        image=image,
        family="rhel",
        arch="amd64",
        id="e" * 64,
        version=version,
        source=Source(revision=revision, date=1_700_000_000, epoch=1_700_000_000),
        stages=(layer,),
        embedded=embedded,
    )


def script(name: str, outcome: Outcome = Outcome.PASSED) -> ScenarioResult:
    """A scenario that ended so."""
    return ScenarioResult(name=name, promise="kept", outcome=outcome, seconds=1.0, budget=9.0)


def result(
    digest: Digest = DIGEST,
    *,
    suite: SuiteResult | None = None,
    scenarios: Sequence[ScenarioResult] | None = None,
    tested: datetime = NOW - DAY,
    name: str = "",
) -> Statement:
    """A test result; by default everything passed."""
    return result_statement(
        digest,
        suite or SuiteResult(suite_hash=SUITE, checks=(check("root"), check("ssh")), seconds=1.0),
        [BOOT, replace(BOOT, boot_path=BootPath.LIVE)],
        harness_version="0.1.0",
        scenarios=[script(name) for name in SCENARIOS] if scenarios is None else scenarios,
        tested=tested.isoformat(),
        name=name,
    )


def provenance(digest: Digest = DIGEST, **how: Any) -> Statement:
    """Provenance of the plan above; `how` changes the plan."""
    run = Invocation(builder=LOCAL_BUILDER, id="run-1", started=NOW - DAY, versions={"imagekit": "0.1.0"})
    return provenance_statement(digest, plan(**how), run)


def statements(digest: Digest = DIGEST, *, now: datetime = NOW) -> dict[str, tuple[str, Statement]]:
    """All of a good set as it is at a moment: by name, who signs and what is said."""
    packages = packages_of_dpkg(DPKG_STATUS, distro="debian-13")
    document = spdx(digest, packages, name=IMAGE, version="v1", epoch=1_700_000_000)
    promoted = summary_statement(
        digest,
        channel="staging",
        resource="oci://registry.example/staging/debian-node",
        policy=Digest.of(b"policy"),
        at=now - 4 * DAY,
        inputs=(),
        version="0.1.0",
        level=1,
    )
    return {
        "signature": ("ours", signature_statement(digest)),
        "tests": ("ours", result(digest, tested=now - DAY)),
        "cyclonedx": ("ours", evidence_of(digest)[1]),
        "spdx": ("ours", spdx_statement(digest, document)),
        "provenance": ("ours", provenance(digest)),
        "staging": ("promoter", promoted),
        "ada": ("ada", approval_statement(digest, channel="prod", person=ADA)),
        "bob": ("bob", approval_statement(digest, channel="prod", person=BOB)),
    }


def waiver(person: str = ADA, check_id: str = "base::root", **changes: object) -> Statement:
    """A waiver of one check for prod, good for another week."""
    made = Waiver(
        digest=DIGEST,
        check=check_id,
        person=person,
        reason="known, ticket 42",
        expires=NOW + 7 * DAY,
        channels=("prod",),
    )
    return waiver_statement(replace(made, **changes))  # type: ignore[arg-type]  # tests name fields freely


def bundle(name: str, statement: Statement, *, at: datetime | None = NOW - DAY) -> bytes:
    """The statement signed by the test key of that name, dated unless `at` is None."""
    return signer(name).sign(statement if at is None else statement.stamped(at))


def sealed(name: str, payload: bytes) -> bytes:
    """Any bytes signed as a statement by the test key of that name."""

    class Said(Statement):
        def to_bytes(self) -> bytes:
            return payload

    return signer(name).sign(Said(subject=DIGEST, predicate_type="", predicate={}))


def item(name: str, statement: Statement, *, at: datetime | None = NOW - DAY, store: TrustStore | None = None) -> Item:
    """The statement signed, and read against the trust file."""
    signed = bundle(name, statement, at=at)
    return Item(source=str(Digest.of(signed)), reading=(store or trust()).read(signed))


def dated(name: str, *, now: datetime = NOW) -> datetime:
    """When the piece of that name was signed in a good set."""
    return now - {"provenance": 5, "staging": 4}.get(name, 1) * DAY


def evidence(
    said: Mapping[str, tuple[str, Statement]] | None = None, *more: Item, store: TrustStore | None = None
) -> Evidence:
    """The statements, signed and read; `more` is added."""
    items = [item(by, each, at=dated(name), store=store) for name, (by, each) in (said or statements()).items()]
    return Evidence(digest=DIGEST, image=IMAGE, items=(*items, *more), suites={IMAGE: SUITE})
