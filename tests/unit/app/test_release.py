"""Publishing a tested image: what is attached, that the gate is asked, and that nothing is done twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from imagekit.app.context import open_release_context
from imagekit.app.release import invocation_of, publish, reference_of
from imagekit.app.trusted import current_suites, gate_of
from imagekit.artifact.packagelist import packages_of_dpkg
from imagekit.base.errors import RefusedError
from imagekit.build.builder import Build
from imagekit.checks.outcome import SuiteResult
from imagekit.config.load import Project, load_project
from imagekit.config.model import Settings
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
from tests.support.images import BOOT, DPKG_STATUS, check
from tests.support.inventories import base
from tests.support.layout import layer, layout
from tests.support.project import make_project
from tests.support.registry import RegistrySimulator, simulated_registry

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
