"""Publishing a tested image: what is attached, that the gate is asked, and that nothing is done twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imagekit.app.context import open_release_context
from imagekit.app.release import invocation_of, publish, reference_of
from imagekit.app.trusted import current_suites, gate_of, keys_of
from imagekit.artifact.packagelist import packages_of_dpkg
from imagekit.base.errors import RefusedError
from imagekit.build.result import Build
from imagekit.checks.outcome import SuiteResult
from imagekit.config.load import Project, load_project
from imagekit.config.settings import Settings
from imagekit.plan.model import Plan
from imagekit.plan.resolve import make_plan
from imagekit.release.channel.yank import yank
from imagekit.report.result import RunResult, Verdict
from imagekit.trust.evidence.inventory import INVENTORY_TYPE
from imagekit.trust.evidence.provenance import GITHUB_BUILDER, LOCAL_BUILDER
from imagekit.trust.evidence.statement import (
    CYCLONEDX_TYPE,
    PROVENANCE_TYPE,
    SIGNATURE_TYPE,
    SPDX_TYPE,
    TEST_RESULT_TYPE,
)
from imagekit.trust.gate.model import GateClosedError
from imagekit.trust.sign.interface import SignatureError
from imagekit.trust.sign.trustedit import write_trust
from imagekit.trust.sign.trustfile import Purpose, TrustedKey, TrustFile
from tests.support.images import BOOT, DPKG_STATUS, check
from tests.support.inventories import base
from tests.support.layout import layer, layout
from tests.support.project import make_project
from tests.support.registry import RegistrySimulator, simulated_registry
from tests.support.release import trusted

PACKAGES = packages_of_dpkg(DPKG_STATUS, distro="debian-13")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RegistrySimulator]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    # The simulator stands where the embedded registry would be started.
    monkeypatch.setattr("imagekit.app.release.embedded_registry", lambda *_: nullcontext())
    with simulated_registry() as simulator:
        yield simulator


@pytest.fixture
def project(world: RegistrySimulator, tmp_path: Path) -> Project:
    found = load_project(make_project(tmp_path / "project"))
    found.work.mkdir()
    return replace(found, settings=Settings(registry=world.address))


@pytest.fixture
def plan(project: Project) -> Plan:
    return make_plan(project, "small-node")


@pytest.fixture
def build(plan: Plan, tmp_path: Path) -> Build:
    folder = tmp_path / "build"
    digest = layout(folder / "oci", [layer(*base().values())])
    (folder / "build.json").write_text("{}")
    return Build(
        image=plan.image,
        plan_id=plan.id,
        version=plan.version,
        digest=digest,
        layout=folder / "oci",
        layers=(),
        seconds=12.5,
        reused=False,
    )


def run(project: Project, *, suite: str | None = None) -> RunResult:
    hashed = suite or current_suites(project)["small-node"]
    return RunResult(
        run_id="1",
        image="small-node",
        command="imagekit run small-node",
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=1.0,
        verdict=Verdict.PASSED,
        boots=(BOOT,),
        suites=SuiteResult(suite_hash=hashed, checks=(check("root"),), seconds=1.0),
    )


def test_all_evidence_is_attached_once(project: Project, plan: Plan, build: Build, world: RegistrySimulator) -> None:
    result = run(project)
    row = publish(project, plan, build, result, PACKAGES)
    kinds = sorted(each.kind for each in row.evidence)
    assert kinds == sorted(
        [SIGNATURE_TYPE, TEST_RESULT_TYPE, CYCLONEDX_TYPE, SPDX_TYPE, PROVENANCE_TYPE, INVENTORY_TYPE]
    )
    assert not row.already_there
    before = world.snapshot()
    again = publish(project, plan, build, result, PACKAGES)
    assert again.already_there
    assert world.snapshot() == before
    assert [each.digest for each in again.evidence] == [each.digest for each in row.evidence]


def test_new_tests_of_a_published_digest_are_attached(project: Project, plan: Plan, build: Build) -> None:
    publish(project, plan, build, run(project), PACKAGES)
    later = replace(run(project), started="2026-11-20T08:00:00+00:00")
    row = publish(project, plan, build, later, PACKAGES)
    assert [each.kind for each in row.evidence].count(TEST_RESULT_TYPE) == 2
    assert not row.already_there


def test_gate_is_asked_before_the_tag(project: Project, plan: Plan, build: Build, world: RegistrySimulator) -> None:
    with pytest.raises(GateClosedError, match=r"ran suite 666666666666: the checks here .* differ from those that ran"):
        publish(project, plan, build, run(project, suite="6" * 64), PACKAGES)
    assert world.user_tags("imagekit/small-node") == {}


TODAY = datetime.now(UTC)
KEYS: dict[str, tuple[dict[str, object], str]] = {
    "not trusted": ({"pem": trusted("eve", Purpose.BUILD).pem}, "by a key that is not trusted"),
    "expired": ({"not_after": TODAY - timedelta(days=1)}, "after key own expired"),
    "not yet valid": ({"not_before": TODAY + timedelta(days=1)}, "before key own is valid"),
    "revoked": ({"revoked": "stolen"}, "key own is revoked"),
    "for something else": ({"purposes": (Purpose.PROMOTE,)}, "trusted to promote, not to build"),
    "of another channel": ({"channels": ("dev", "prod")}, "not trusted for channel publish"),
}


def trust_own_key(project: Project, **fields: object) -> None:
    """Let trust.yaml say of the project's key, the only one here, what `fields` say."""
    keys_of(project).ensure()
    pem = keys_of(project).public_path.read_text()
    entry = {"id": "own", "pem": pem, "purposes": (Purpose.BUILD, Purpose.PROMOTE), **fields}
    write_trust(project.root, TrustFile(version=1, keys=(TrustedKey.model_validate(entry),)))


@pytest.mark.attack
@pytest.mark.parametrize("state", KEYS)
def test_a_key_whose_word_does_not_count_publishes_nothing(
    project: Project, plan: Plan, build: Build, world: RegistrySimulator, state: str
) -> None:
    """D33, D35 and D4 at publish: signed, read back by the trust file for version tags, and nothing was sent."""
    fields, says = KEYS[state]
    trust_own_key(project, **fields)
    with pytest.raises(SignatureError, match=says):
        publish(project, plan, build, run(project), PACKAGES)
    assert [each for each in world.requests if not each.startswith(("GET", "HEAD"))] == []
    trust_own_key(project, channels=("publish",))
    assert publish(project, plan, build, run(project), PACKAGES).evidence


@pytest.mark.attack
def test_evidence_by_a_key_that_lost_the_version_tags_is_not_taken_for_published(
    project: Project, plan: Plan, build: Build, world: RegistrySimulator
) -> None:
    """D4, own variant: what is there already counts by the trust file of today, and is not called published."""
    trust_own_key(project)
    publish(project, plan, build, run(project), PACKAGES)
    before = world.snapshot()
    trust_own_key(project, channels=("dev",))
    with pytest.raises(SignatureError, match="not trusted for channel publish"):
        publish(project, plan, build, run(project), PACKAGES)
    assert world.snapshot() == before


def test_yanked_digest_is_not_published_again(
    project: Project, plan: Plan, build: Build, world: RegistrySimulator
) -> None:
    result = run(project)
    publish(project, plan, build, result, PACKAGES)
    reference = reference_of(project, plan.image, plan.version)
    with open_release_context(project, actor="Bob") as context, world.client() as client:
        yank(context, reference, image=plan.image, reason="CVE-2026-1", homes=[])
        before = world.snapshot()
        with pytest.raises(RefusedError, match="yanked by Bob: CVE-2026-1"):
            publish(project, plan, build, result, PACKAGES)
        assert world.snapshot() == before
        for channel in ("dev", "staging", "prod"):
            assert "yank" in {item.name for item in gate_of(project, client, reference, channel).unsatisfied}


def test_invocation_says_who_built(build: Build) -> None:
    here = invocation_of(build, {})
    assert (here.builder, here.id.startswith("urn:imagekit:build:")) == (LOCAL_BUILDER, True)
    assert invocation_of(build, {}) == here
    job = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "bank/nodes",
        "GITHUB_RUN_ID": "7",
        "GITHUB_RUN_ATTEMPT": "1",
    }
    there = invocation_of(build, job)
    assert (there.builder, there.id) == (GITHUB_BUILDER, "https://github.com/bank/nodes/actions/runs/7/attempts/1")
