"""Every lifecycle scenario on the embedded image, and nodes with a defect on which it must break."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from imagekit.app.interface import Subject
from imagekit.app.lifecycle import run_lifecycle
from imagekit.base.process import Completed, run
from imagekit.build.distro import distro_context
from imagekit.build.result import Build, earlier_build
from imagekit.checks.outcome import Outcome
from imagekit.config.load import Project, load_project
from imagekit.machine.folder import machines_folder
from imagekit.plan.resolve import make_plan
from imagekit.scenarios.options import ScenarioOptions
from imagekit.scenarios.start import itself
from imagekit.scenarios.table import SCENARIOS
from imagekit.services.dockerd import engine
from tests.e2e.conftest import Clone, First, environment
from tests.e2e.mutant import mutated
from tests.e2e.mutations import MUTATIONS, Mutation

pytestmark = [pytest.mark.vm, pytest.mark.registry, pytest.mark.online]
IMAGE = "debian-node"
SEED = 20261122
_LIFECYCLE_SECONDS = 7200.0
_CUTS_SECONDS = 28_800.0


def lifecycle_run(clone: Clone, *arguments: str, timeout: float) -> tuple[Completed, dict[str, Any]]:
    """Run `imagekit test` with these arguments; its result file."""
    argv = clone.argv("test", IMAGE, *arguments)
    done = run(argv, timeout=timeout, cwd=clone.root, env=environment(), ok=range(256))
    folders = sorted((clone.work / "runs").glob("*/result.json"))
    return done, json.loads(folders[-1].read_text())


def test_a_node_survives_three_power_cuts_and_refuses_what_nobody_signed(clone: Clone, first: First) -> None:
    """What every change is asked; all of them are for the night."""
    asked = ("unsigned", "power-cuts")
    names = [part for name in asked for part in ("--scenario", name)]
    done, result = lifecycle_run(clone, *names, "--cuts", "3", "--seed", str(SEED), timeout=_LIFECYCLE_SECONDS)
    assert_all_kept(clone, done, result, asked)
    assert f"seed {SEED}, 3 cuts" in next(one["detail"] for one in result["scenarios"] if one["name"] == "power-cuts")


@pytest.mark.nightly(minutes=50)
def test_every_scenario_keeps_its_promise(clone: Clone) -> None:
    done, result = lifecycle_run(clone, "--lifecycle", "--seed", str(SEED), timeout=_LIFECYCLE_SECONDS)
    assert_all_kept(clone, done, result, [each.name for each in SCENARIOS])


def assert_all_kept(clone: Clone, done: Completed, result: dict[str, Any], names: Sequence[str]) -> None:
    """These scenarios passed, all of them, with a console for each, and nothing of their machines is left."""
    reported = {scenario["name"]: (scenario["outcome"], scenario["detail"]) for scenario in result["scenarios"]}
    assert {name: outcome for name, (outcome, _) in reported.items()} == dict.fromkeys(names, "passed"), reported
    assert done.returncode == 0, done.stderr[-3000:]
    assert result["verdict"] == "passed"
    assert "no channel points at another" in next(row["note"] for row in result["stages"] if row["name"] == "lifecycle")
    folder = clone.work / "runs" / result["run_id"]
    assert all((folder / "lifecycle" / name / "console.log").exists() for name in reported)
    assert not list(machines_folder(clone.work).iterdir())


@pytest.mark.nightly(minutes=10)
def test_a_published_digest_is_where_nodes_come_from(pristine: Clone) -> None:
    assert pristine.imagekit("run", IMAGE).returncode == 0
    release = json.loads(sorted((pristine.work / "runs").glob("*/result.json"))[-1].read_text())["release"]
    path = pristine.root / "images/ca-trust/layer.yaml"
    path.write_text(path.read_text() + "# another version\n")
    published = f"{release['reference'].rpartition(':')[0]}@{release['digest']}"
    asked = ("--scenario", "upgrade", "--upgrade-from", published)
    done, result = lifecycle_run(pristine, *asked, timeout=_LIFECYCLE_SECONDS)
    assert done.returncode == 0, result["scenarios"]
    assert result["digest"] != release["digest"]
    assert f"asked for: {published}" in next(row["note"] for row in result["stages"] if row["name"] == "lifecycle")


@pytest.mark.nightly(minutes=130)
def test_a_hundred_power_cuts_lose_no_node(clone: Clone) -> None:
    asked = ("--scenario", "power-cuts", "--cuts", "100", "--seed", str(SEED))
    done, result = lifecycle_run(clone, *asked, timeout=_CUTS_SECONDS)
    [scenario] = result["scenarios"]
    assert scenario["outcome"] == "passed", scenario["detail"]
    assert done.returncode == 0


@pytest.mark.nightly(minutes=5)
@pytest.mark.parametrize("mutation", [pytest.param(each, id=each.name) for each in MUTATIONS])
def test_a_defect_is_seen(clone: Clone, mutation: Mutation, tmp_path: Path) -> None:
    clone.imagekit("build", IMAGE)
    project = load_project(clone.root)
    image = with_defect(project, mutation, tmp_path)
    subject = Subject(project=project, name=IMAGE, image=image, run_id=f"t-{mutation.name}", folder=tmp_path / "run")
    asked = ScenarioOptions(names=(mutation.scenario,), cuts=1, seed=SEED)
    [reported] = run_lifecycle(subject, itself(image.layout, image.digest, image.version), asked)
    assert reported.result.outcome is Outcome.FAILED, (
        f"{mutation.name} passed as {mutation.scenario}: {reported.result}"
    )
    assert "its budget is" not in reported.result.detail, "slow is not broken"


def with_defect(project: Project, mutation: Mutation, scratch: Path) -> Build:
    """The image of the project with a defect."""
    plan = make_plan(project, IMAGE)
    image = earlier_build(project.work, plan)
    assert image is not None
    with engine(project.work) as running:
        return mutated(mutation, image, plan, project.root, distro_context(project, plan), scratch, running.host)
