"""docs/without-imagekit.md: stock cosign, oras, crane and jq accept what imagekit accepts, and refuse what it refuses.

Every command is taken from the page as it stands there. An attack changes a good release; its line names what imagekit
finds unsatisfied, and the commands of the page that refuse it as well.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imagekit.base.process import Completed, run
from imagekit.checks.outcome import CheckResult, Outcome, SuiteResult
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.errors import TagExistsError
from imagekit.registry.referrers import fallback_tag
from imagekit.registry.tag import give_tag, require_free
from imagekit.registry.transfer import push_image
from imagekit.release.ledger.record import Action, Record
from imagekit.trust.evidence.decisions import (
    Waiver,
    approval_statement,
    summary_statement,
    waiver_statement,
    yank_statement,
)
from imagekit.trust.evidence.statement import Statement, signature_statement
from imagekit.trust.sign.native import claimed_statement, public_key_pem
from imagekit.trust.sign.trustfile import Purpose
from imagekit.trust.verify import verify_content
from tests.integration.conftest import Program
from tests.support.dockerregistry import PROGRAMS, DockerRegistry
from tests.support.gatefixture import REPOSITORY, GateFixture, Signed
from tests.support.images import check, evidence_of, key, write_image
from tests.support.page import blocks
from tests.support.registry import RegistrySimulator
from tests.support.release import ADA, BOB, DAY, SUITE, bundle, provenance, result, script, statements, trusted

pytestmark = [pytest.mark.registry, pytest.mark.cosign, pytest.mark.attack]
PAGE = Path(__file__).parents[3] / "docs" / "without-imagekit.md"
COMMANDS = blocks(PAGE, "sh")
# What every good release passes: all commands of the page but those that show, or that ask about a file.
DECIDING = ("signed", "window", "copied", "pulled", "tested", "listed", "made", "soaked", "kept", "discovered")
OTHER = Digest.of(b"another image")
KEYS = {"build": "ours", "promote": "promoter", "ada": "ada", "bob": "bob"}
Act = Callable[["Stage"], None]


@dataclass(frozen=True, slots=True)
class Attack:
    """One line of the table."""

    name: str
    act: Act
    finding: str
    refused_by: tuple[str, ...]


TABLE: list[Attack] = []


def attack(name: str, finding: str, *refused_by: str) -> Callable[[Act], Act]:
    """Put a function into the table."""

    def put(act: Act) -> Act:
        TABLE.append(Attack(name, act, finding, refused_by))
        return act

    return put


@dataclass(slots=True)
class Stage:
    """A gate fixture on a real registry, and the folder of a consumer with this page, some keys and stock programs."""

    fixture: GateFixture
    server: DockerRegistry
    consumer: Path

    @property
    def digest(self) -> Digest:
        """The image in question."""
        return self.fixture.digest

    def stock(self, name: str, person: str = "ada", **more: str) -> Completed:
        """Run one command of the page."""
        address = self.server.address.replace("127.0.0.1", "localhost")  # where all three take plain HTTP unasked
        environ = {
            "HOME": str(self.consumer),
            "DOCKER_CONFIG": str(self.consumer),
            "IMAGE": f"{address}/{REPOSITORY}@{self.digest}",
            "TAG": f"{address}/{REPOSITORY}:v1",
            "PERSON": person,
            "NAME": {"ada": ADA, "bob": BOB}[person],
        }
        argv = ["bash", "-c", f"set -o pipefail\n{COMMANDS[name]}"]
        return run(argv, timeout=60, env={**environ, **more}, cwd=self.consumer, ok=range(256))

    def imagekit(self) -> set[str]:
        """What imagekit finds unsatisfied: the gate's answer, and content as `imagekit verify` hashes it."""
        found = {item.name for item in self.fixture.gate().unsatisfied}
        content = verify_content(self.fixture.client, REPOSITORY, self.digest)
        return found if content.satisfied else {*found, content.name}

    def sign(self, name: str, says: Statement, **fields: object) -> None:
        """Another statement in the place of one, by the same key, or one more."""
        before = self.fixture.signed.get(name, Signed("ours", says, self.fixture.now - DAY))
        self.fixture.signed[name] = replace(before, says=says, **fields)  # type: ignore[arg-type]  # by, at

    def ran(self, *checks: CheckResult, suite: str = SUITE) -> None:
        """Another test result in the place of the good one."""
        ran = SuiteResult(suite_hash=suite, checks=checks, seconds=1.0)
        self.sign("tests", result(self.digest, suite=ran, tested=self.fixture.now - DAY))

    def change(self, name: str, **fields: object) -> None:
        """Change fields of a predicate before it is signed."""
        says = self.fixture.signed[name].says
        self.sign(name, replace(says, predicate={**says.predicate, **fields}))


@pytest.fixture(scope="module", params=PROGRAMS[:1])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    name = str(request.param)
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not here; `bin/setup dev` says why, `bin/test` puts it on the path")
    with DockerRegistry(tmp_path_factory.mktemp(name), program=name) as running:
        yield running


@pytest.fixture
def stage(
    request: pytest.FixtureRequest, server: DockerRegistry, cosign: Program, oras: Program, tmp_path: Path
) -> Iterator[Stage]:
    """A good release of an image that no other test has, not yet in the registry."""
    for program in ("crane", "jq"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} program in PATH")
    consumer, project = tmp_path / "consumer", tmp_path / "project"
    consumer.mkdir()
    project.mkdir()
    for name, text in blocks(PAGE, "rego").items():
        (consumer / name).write_text(text)
    for name, holder in KEYS.items():
        (consumer / f"{name}.pub").write_bytes(public_key_pem(key(holder).public_key()))
    seed = request.node.name.encode()
    image = write_image(tmp_path / "oci", (seed * 50, seed * 70), labels={"test": request.node.name})
    now = datetime.now(UTC)
    with Registry(server.address) as client:
        yield Stage(GateFixture(image, RegistrySimulator(), client, project, now=now), server, consumer)


# --- signatures


@attack("unsigned image", "signature", "signed", "window", "tested", "kept", "discovered")
def _(stage: Stage) -> None:
    stage.fixture.signed.clear()


@attack("attestation in place of a signature", "signature", "signed", "window")
def _(stage: Stage) -> None:
    del stage.fixture.signed["signature"]


@attack("signed by another key", "signature", "signed", "window")
def _(stage: Stage) -> None:
    stage.sign("signature", signature_statement(stage.digest), by="eve")


@attack("all evidence by another key", "tests", "signed", "tested", "listed", "made", "soaked", "approved", "kept")
def _(stage: Stage) -> None:
    for name, each in list(stage.fixture.signed.items()):
        stage.fixture.signed[name] = replace(each, by="eve")


@attack("evidence copied from another digest", "tests", "signed", "tested", "listed", "made", "soaked", "approved")
def _(stage: Stage) -> None:
    for name, (_, says) in statements(OTHER, now=stage.fixture.now).items():
        stage.sign(name, says)


@attack("expired key", "signature", "window")
def _(stage: Stage) -> None:
    stage.fixture.keys["ours"] = trusted("ours", Purpose.BUILD, not_before=stage.fixture.now - 300 * DAY)
    stage.sign("signature", signature_statement(stage.digest), at=stage.fixture.now - 301 * DAY)


@attack("signature of tomorrow", "signature", "window")
def _(stage: Stage) -> None:
    stage.sign("signature", signature_statement(stage.digest), at=stage.fixture.now + DAY)


@attack("list of referrers emptied", "signature", "signed", "tested", "kept", "discovered")
def _(stage: Stage) -> None:
    def empty(after: GateFixture) -> None:
        listed = after.client.resolve(Reference(stage.server.address, REPOSITORY, fallback_tag(after.digest)))
        assert listed is not None, "a registry that has no list of its own"
        after.client.delete_manifest(REPOSITORY, listed)

    stage.fixture.afterwards = empty


# --- content


def spoil(stage: Stage, digest: Digest, old: bytes, new: bytes) -> None:
    """Change the stored bytes of an object, with its length as it was."""
    stored = stage.server.blob_file(digest)
    good = stored.read_bytes()
    assert old in good
    assert len(old) == len(new)
    stored.write_bytes(good.replace(old, new, 1))


@attack("tampered manifest", "evidence", "copied", "pulled")
def _(stage: Stage) -> None:
    stage.fixture.afterwards = lambda after: spoil(stage, after.digest, b"+zstd", b"+gzip")


@attack("tampered config", "content", "copied", "pulled")
def _(stage: Stage) -> None:
    def act(after: GateFixture) -> None:
        spoil(stage, after.client.manifest(REPOSITORY, after.digest).blobs[0].digest, b"amd64", b"arm64")

    stage.fixture.afterwards = act


@attack("tampered layer", "content", "copied", "pulled")
def _(stage: Stage) -> None:
    stage.fixture.afterwards = lambda after: spoil(stage, after.image.layers[1], b"test", b"tesT")


@attack("tampered evidence in the registry's storage", "signature", "signed", "window")
def _(stage: Stage) -> None:
    def act(after: GateFixture) -> None:
        each = after.signed["signature"]
        stored = next(
            path
            for path in stage.server.folder.rglob("data/docker/registry/v2/blobs/**/data")
            if b"dsseEnvelope" in path.read_bytes() and _claims(path.read_bytes(), each.says)
        )
        stored.write_bytes(stored.read_bytes().replace(b'"sig":"M', b'"sig":"N'))

    stage.fixture.afterwards = act


def _claims(data: bytes, says: Statement) -> bool:
    found = claimed_statement(data)
    return (found.subject, found.predicate_type) == (says.subject, says.predicate_type)


@attack("evidence statement altered after signing", "tests", "tested")
def _(stage: Stage) -> None:
    failed = result(stage.digest, tested=stage.fixture.now - 2 * DAY)
    stage.sign("tests", failed)
    good = bundle("ours", result(stage.digest, tested=stage.fixture.now - DAY), at=stage.fixture.now - DAY)
    stage.fixture.spoil["tests"] = lambda data: _payload_of(good, data)


def _payload_of(good: bytes, data: bytes) -> bytes:
    """A bundle that claims one thing over the signature of another."""
    claimed, signed = json.loads(good), json.loads(data)
    signed["dsseEnvelope"]["payload"] = claimed["dsseEnvelope"]["payload"]
    return json.dumps(signed).encode()


# --- test results


@attack("missing test result", "tests", "tested")
def _(stage: Stage) -> None:
    del stage.fixture.signed["tests"]


@attack("failed required check", "check/base::ssh", "tested")
def _(stage: Stage) -> None:
    stage.ran(check("root"), check("ssh", Outcome.FAILED))


@attack("skipped required check", "check/base::ssh", "tested")
def _(stage: Stage) -> None:
    stage.ran(check("root"), check("ssh", Outcome.SKIPPED))


@attack("failed check under a summary that says PASSED", "check/base::ssh", "tested")
def _(stage: Stage) -> None:
    stage.ran(check("root"), check("ssh", Outcome.FAILED))
    stage.change("tests", result="PASSED", failedTests=[], passedTests=["base::root", "base::ssh"])


@attack("failed result beside a passed one", "check/base::ssh", "tested")
def _(stage: Stage) -> None:
    good = stage.fixture.signed["tests"].says
    stage.ran(check("root"), check("ssh", Outcome.FAILED))
    stage.sign("more", good)


@attack("check that the policy asks for was not run", "check/base::root", "tested")
def _(stage: Stage) -> None:
    stage.ran(check("ssh"))


@attack("test result with zero checks", "tests", "tested")
def _(stage: Stage) -> None:
    stage.ran()


@attack("only checks that warn", "tests", "tested")
def _(stage: Stage) -> None:
    stage.ran(check("root", required=False))


@attack("suite hash that is not in the policy", "tests", "tested")
def _(stage: Stage) -> None:
    stage.ran(check("root"), suite="6" * 64)


@attack("old test result signed again today", "tests", "tested")
def _(stage: Stage) -> None:
    stage.sign("tests", result(stage.digest, tested=stage.fixture.now - 15 * DAY))


@attack("test result of tomorrow", "tests", "tested")
def _(stage: Stage) -> None:
    stage.sign("tests", result(stage.digest, tested=stage.fixture.now + DAY))


@attack("boot path that was not tested", "boot-path/direct", "tested")
def _(stage: Stage) -> None:
    entries = stage.fixture.signed["tests"].says.predicate["configuration"]
    stage.change("tests", configuration=[entry for entry in entries if "direct" not in str(entry)])


@attack("scenario that was not run", "scenario/upgrade", "tested")
def _(stage: Stage) -> None:
    stage.sign("tests", result(stage.digest, scenarios=[script("install")], tested=stage.fixture.now - DAY))


@attack("scenario that failed", "scenario/upgrade", "tested")
def _(stage: Stage) -> None:
    lived = [script("install"), script("upgrade", Outcome.FAILED)]
    stage.sign("tests", result(stage.digest, scenarios=lived, tested=stage.fixture.now - DAY))


# --- bills of materials, provenance


@attack("no bill of materials", "sbom/cyclonedx", "listed")
def _(stage: Stage) -> None:
    del stage.fixture.signed["cyclonedx"]


@attack("bill of materials that lists nothing", "sbom/cyclonedx", "listed")
def _(stage: Stage) -> None:
    says = evidence_of(stage.digest)[1]
    stage.sign("cyclonedx", replace(says, predicate={**says.predicate, "components": []}))


@attack("no provenance", "provenance", "made")
def _(stage: Stage) -> None:
    del stage.fixture.signed["provenance"]


@attack("built from changes that are in no commit", "source", "made")
def _(stage: Stage) -> None:
    stage.sign("provenance", provenance(stage.digest, revision="a" * 40 + "-dirty"))


@attack("stand-in image in prod", "framework", "made")
def _(stage: Stage) -> None:
    stage.sign("provenance", provenance(stage.digest, embedded=True))


# --- people and channels


def summary(stage: Stage, channel: str, days: int) -> Statement:
    return summary_statement(
        stage.digest,
        channel=channel,
        resource="oci://x/y",
        policy=OTHER,
        at=stage.fixture.now - days * DAY,
        inputs=(),
        version="1",
        level=1,
    )


@attack("not long enough in staging", "soak", "soaked")
def _(stage: Stage) -> None:
    stage.sign("staging", summary(stage, "staging", 2), at=stage.fixture.now - 2 * DAY)


@attack("verification summary dated back", "soak", "soaked")
def _(stage: Stage) -> None:
    stage.sign("staging", summary(stage, "staging", 4), at=stage.fixture.now - timedelta(hours=1))


@attack("never in staging", "soak", "soaked")
def _(stage: Stage) -> None:
    stage.sign("staging", summary(stage, "dev", 4))


@attack("verification summary by the builder", "soak", "soaked")
def _(stage: Stage) -> None:
    stage.sign("staging", summary(stage, "staging", 4), by="ours")


@attack("no approval", "approvals", "approved")
def _(stage: Stage) -> None:
    del stage.fixture.signed["ada"]


@attack("approval for another channel", "approvals", "approved")
def _(stage: Stage) -> None:
    stage.sign("ada", approval_statement(stage.digest, channel="staging", person=ADA))


@attack("approval older than allowed", "approvals", "approved")
def _(stage: Stage) -> None:
    stage.sign("ada", stage.fixture.signed["ada"].says, at=stage.fixture.now - 15 * DAY)


@attack("approval in somebody else's name", "approvals", "approved")
def _(stage: Stage) -> None:
    stage.sign("ada", approval_statement(stage.digest, channel="prod", person=BOB))


@attack("yanked digest", "yank", "kept")
def _(stage: Stage) -> None:
    stage.sign("yank", yank_statement(stage.digest, person=BOB, reason="CVE-2026-1"), by="promoter")


# --- the tables


# How storage is spoilt differs by registry, what a statement says does not: only the former is tried on both.
@pytest.mark.parametrize(
    ("server", "line"),
    [pytest.param(PROGRAMS[0], line, id=line.name) for line in TABLE]
    + [pytest.param(PROGRAMS[1], line, id=f"{line.name}, {PROGRAMS[1]}") for line in TABLE if "tampered" in line.name],
    indirect=["server"],
)
def test_refused_by_imagekit_and_by_stock_tools(stage: Stage, line: Attack) -> None:
    line.act(stage)
    stage.fixture.settle()
    assert line.finding in stage.imagekit()
    for name in line.refused_by:
        done = stage.stock(name)
        assert done.returncode != 0, f"{name}: {done.stdout[:300]}"


@pytest.mark.parametrize("server", PROGRAMS, indirect=True)
def test_a_good_release_passes_every_command_and_the_gate(stage: Stage) -> None:
    stage.fixture.settle()
    assert stage.imagekit() == set()
    for name in DECIDING:
        done = stage.stock(name)
        assert done.returncode == 0, f"{name}: {done.stderr}"
    for person in ("ada", "bob"):
        assert stage.stock("approved", person).returncode == 0


def test_a_stranger_neither_helps_nor_harms_stock_tools(stage: Stage) -> None:
    stage.sign("yank", yank_statement(stage.digest, person=BOB, reason="x"), by="eve")
    bad = SuiteResult(suite_hash=SUITE, checks=(check("root", Outcome.FAILED),), seconds=1.0)
    stage.sign("more", result(stage.digest, suite=bad), by="eve")
    stage.fixture.settle()
    assert stage.imagekit() == set()
    for name in ("signed", "tested", "kept"):
        assert stage.stock(name).returncode == 0, name


def test_the_reason_of_a_yank_is_printed_and_its_file_is_read(stage: Stage) -> None:
    denial = yank_statement(stage.digest, person=BOB, reason="CVE-2026-1")
    stage.sign("yank", denial, by="promoter")
    stage.fixture.settle()
    assert stage.stock("why").stdout == f"{BOB}: CVE-2026-1\n"
    (stage.consumer / "denial.json").write_bytes(bundle("promoter", denial))
    assert stage.stock("denied", DENIAL="denial.json").returncode == 0
    other = yank_statement(OTHER, person=BOB, reason="CVE-2026-1")
    for by, says in (("eve", denial), ("promoter", other)):
        (stage.consumer / "denial.json").write_bytes(bundle(by, says))
        assert stage.stock("denied", DENIAL="denial.json").returncode != 0


def test_cosign_verify_alone_opens_without_a_signature(stage: Stage, cosign: Program) -> None:
    """The reason for the page's first section: the same image, no signature, and `cosign verify` exits 0."""
    del stage.fixture.signed["signature"]
    stage.fixture.settle()
    name = f"{stage.server.address}/{REPOSITORY}@{stage.digest}"
    cosign("verify", "--key", stage.consumer / "build.pub", "--insecure-ignore-tlog", name)
    assert stage.stock("signed").returncode != 0


def test_two_keys_of_one_person_are_seen_by_who_looks(stage: Stage) -> None:
    """What stock tools cannot know: who holds a key. They print what decides it."""
    stage.fixture.keys["bob"] = trusted("bob", Purpose.APPROVE, person=ADA)
    stage.sign("bob", approval_statement(stage.digest, channel="prod", person=ADA))
    stage.fixture.settle()
    assert stage.imagekit() == {"approvals"}
    assert stage.stock("persons", "ada").stdout == stage.stock("persons", "bob").stdout == f"{ADA}\n"
    assert stage.stock("approved", "bob").returncode != 0


def test_a_moved_tag(stage: Stage, tmp_path: Path) -> None:
    stage.fixture.settle()
    client, home = stage.fixture.client, Reference(stage.server.address, REPOSITORY, "v1", stage.digest)
    give_tag(home, client)
    assert stage.stock("tagged").returncode == 0
    evil = write_image(tmp_path / "evil", (b"evil",))
    push_image(evil.layout, evil.digest, home, client)
    client.put_manifest(REPOSITORY, client.manifest(REPOSITORY, evil.digest), "v1")
    with pytest.raises(TagExistsError):
        require_free(home, client)
    assert stage.stock("tagged").returncode != 0
    client.delete_manifest(REPOSITORY, evil.digest)


def waiver(stage: Stage, **changes: object) -> Statement:
    good = Waiver(
        digest=stage.digest,
        check="base::ssh",
        person=ADA,
        reason="ticket 42",
        expires=stage.fixture.now + 7 * DAY,
        channels=("prod",),
    )
    return waiver_statement(replace(good, **changes))  # type: ignore[arg-type]  # tests name fields freely


@pytest.mark.parametrize(
    ("by", "changes"),
    [
        ("eve", {}),
        ("bob", {}),
        ("ada", {"digest": OTHER}),
        ("ada", {"person": BOB}),
        ("ada", {"check": "base::root"}),
        ("ada", {"channels": ("dev",)}),
        ("ada", {"expires": datetime(2026, 1, 1, tzinfo=UTC)}),
    ],
    ids=[
        "no trusted key",
        "another key",
        "another digest",
        "another name",
        "another check",
        "another channel",
        "expired",
    ],
)
def test_waivers_are_read_and_refused(stage: Stage, by: str, changes: Mapping[str, object]) -> None:
    stage.ran(check("root"), check("ssh", Outcome.FAILED))
    stage.fixture.settle()
    path, at = stage.consumer / "waiver.json", stage.fixture.now - DAY
    for person, name in (("ada", ADA), ("bob", BOB)):
        stage.fixture.file("waivers", person, waiver(stage, person=name), at)
    assert stage.imagekit() == set(), "two persons waived it"
    path.write_bytes(bundle("ada", waiver(stage), at=at))
    assert stage.stock("waived", WAIVER="waiver.json").returncode == 0
    shutil.rmtree(stage.fixture.project / "waivers")
    stage.fixture.file("waivers", "bob", waiver(stage, person=BOB), at)
    stage.fixture.file("waivers", by, waiver(stage, **changes), at)
    assert stage.imagekit() == {"check/base::ssh"}
    path.write_bytes(bundle(by, waiver(stage, **changes), at=at))
    assert stage.stock("waived", WAIVER="waiver.json").returncode != 0


def test_a_record_of_the_ledger_is_read(stage: Stage, cosign: Program) -> None:
    record = Record(
        sequence=1,
        previous="",
        action=Action.YANK,
        at=stage.fixture.now,
        actor=BOB,
        image="node",
        version="v1",
        digest=stage.digest,
        reference="registry.example/node",
        reason="CVE",
    )
    says = record.statement()
    path = stage.consumer / "record.json"
    path.write_bytes(bundle("promoter", says))
    command = ("verify-blob-attestation", "--insecure-ignore-tlog", "--type", says.predicate_type, "--bundle", path)
    about = ("--digestAlg", "sha256", "--digest", stage.digest.hex, "--key")
    cosign(*command, *about, stage.consumer / "promote.pub")
    assert says.predicate_type in PAGE.read_text()


def test_every_command_of_the_page_is_run_here() -> None:
    source = Path(__file__).read_text()
    assert [name for name in COMMANDS if f'"{name}"' not in source] == []
