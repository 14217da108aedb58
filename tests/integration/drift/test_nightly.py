"""The very steps of nightly.yml and alarms.yml in a clean checkout, with real git and gh; only GitHub's API is played.

What a night found comes from a simulated world (`tests.support.simdrift`): the steps that build and boot go no further
than to an image that nobody locked.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from imagekit.base.errors import ToolError
from imagekit.base.process import Completed, run
from imagekit.drift.conduct import new_night, write_report
from imagekit.drift.github import GitHub
from imagekit.drift.issues import keep_issues, read_asked
from imagekit.drift.night import Options, night
from imagekit.history.model import Night, NightOutcome
from imagekit.history.nightfile import write_night
from tests.support.githubapi import GitHubApi, github_api
from tests.support.simdrift import Fault, SimWorld, bad_together, lock_of

ROOT = Path(__file__).parents[3]
IMAGE = "debian-node"
LOCK = f"images/locks/{IMAGE}.amd64.lock"


def gh_folder() -> str:
    """Where the real gh is."""
    tools = ROOT / ".imagekit/tools/bin"
    found = shutil.which("gh", path=f"{tools}{os.pathsep}{os.environ['PATH']}")
    if found is None and os.environ.get("CI"):
        pytest.fail("no gh: bin/setup dev fetches it")
    if found is None:
        pytest.skip("no gh: bin/setup dev fetches it")
    return str(Path(found).parent)


@dataclass
class Runner:
    """A job's machine: a clean checkout, and the server that it came from."""

    checkout: Path
    origin: Path
    api: GitHubApi
    env: dict[str, str]

    def step(self, workflow: str, job: str, name: str, **env: str) -> Completed:
        """Run a step as the runner does for `shell: bash`."""
        path = ROOT / ".github/workflows" / workflow
        file = yaml.safe_load(path.read_text())
        assert file["defaults"]["run"]["shell"].startswith("bash")
        [script] = [each["run"] for each in file["jobs"][job]["steps"] if each.get("name") == name]
        argv = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        return run(argv, timeout=120, cwd=self.checkout, env={**self.env, **env}, ok=range(256))

    def git(self, *words: str) -> str:
        """git in the checkout."""
        return run(["git", *words], timeout=30, cwd=self.checkout).stdout.strip()

    def night(self, *faults: Fault, moved: bool = True, **world: object) -> Path:
        """What the drift job of a night leaves as its artifact, as actions/download-artifact lays it out."""
        nights = self.checkout / "nights" / f"night-{IMAGE}" / "nights"
        shutil.rmtree(nights.parent, ignore_errors=True)
        new = lock_of(16, "2") if moved else lock_of(16)
        sim = SimWorld(lock_of(16), new, list(faults), image=IMAGE, **world)  # type: ignore[arg-type]
        name = new_night(IMAGE)
        report = night(sim, Options(), name)
        write_report(nights / name, report)
        row = Night(
            night_id=name, image=IMAGE, started=sim.clock, ended=sim.clock, outcome=NightOutcome.GREEN, behind=16
        )
        write_night(nights.parent, row)
        return nights


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    gh = gh_folder()
    origin, checkout, programs = tmp_path / "server/o/r", tmp_path / "checkout", tmp_path / "bin"
    origin.parent.mkdir(parents=True)
    run(["git", "clone", "-q", "--bare", ROOT, origin], timeout=120)
    run(["git", "clone", "-q", origin, checkout], timeout=120)
    # Set up already, by the environment that runs the tests.
    venv = checkout / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (venv / "bin/python").chmod(0o755)
    stamp = f"root={checkout}; . bin/lib/stamp.sh; stamp >.venv/.imagekit-run"
    run(["bash", "-c", stamp], timeout=30, cwd=checkout)
    programs.mkdir()
    (programs / "sudo").write_text('#!/bin/sh\n[ "$1" = --preserve-env ] && shift\nexec "$@"\n')
    (programs / "sudo").chmod(0o755)
    with github_api(tmp_path) as (api, environment):
        env = {
            **environment,
            "PATH": f"{programs}:{gh}:{os.environ['PATH']}",
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_SERVER_URL": str(tmp_path / "server"),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            "GITHUB_ACTIONS": "true",
            "GIT_AUTHOR_NAME": "t",
            "GIT_AUTHOR_EMAIL": "t@example.org",
            "GIT_COMMITTER_NAME": "t",
            "GIT_COMMITTER_EMAIL": "t@example.org",
        }
        yield Runner(checkout, origin, api, env)


def test_the_matrix_is_the_images_whose_packages_are_locked(runner: Runner, tmp_path: Path) -> None:
    done = runner.step("nightly.yml", "plan", "Every image whose packages are locked")
    assert done.returncode == 0, done.stderr
    name, _, text = (tmp_path / "output").read_text().partition("=")
    assert name == "matrix"
    assert [row["image"] for row in json.loads(text)["include"]] == [IMAGE]


def test_a_root_cause_is_one_issue_that_a_good_night_closes(runner: Runner) -> None:
    words = ("nightly.yml", "report", "Issues and pull requests")
    for _ in range(2):
        runner.night(bad_together("p10"))
        done = runner.step(*words, BASE="main")
        assert done.returncode == 0, done.stderr
    [issue] = runner.api.issues.values()
    assert issue["state"] == "open"
    assert issue["title"].startswith(f"{IMAGE}: p10 upstream breaks")
    assert issue["labels"] == [{"name": "imagekit-drift"}]
    runner.night(down={"fresh": "mirror down"})
    assert runner.step(*words, BASE="main").returncode == 0
    assert issue["state"] == "open", "a night that could not tell closes nothing"
    runner.night(moved=False)
    assert runner.step(*words, BASE="main").returncode == 0
    assert issue["state"] == "closed"
    assert "is good" in runner.api.comments[1][0]


def planted(runner: Runner, path: str) -> None:
    """A branch of the drift job that changes a file, left as its steps leave it."""
    runner.git("checkout", "-q", "-b", f"imagekit/drift/{IMAGE}")
    (runner.checkout / path).write_text("moved\n")
    runner.git("add", path)
    runner.git("commit", "-q", "-m", "moved")
    runner.git("checkout", "-q", "-")
    nights = runner.night()
    (runner.checkout / ".imagekit/nights").mkdir(parents=True, exist_ok=True)
    name = "The answer as the summary of this job, and the branch as a file"
    done = runner.step("nightly.yml", "drift", name, IMAGE=IMAGE)
    assert done.returncode == 0, done.stderr
    (runner.checkout / f".imagekit/nights/{IMAGE}.bundle").rename(nights / f"{IMAGE}.bundle")
    runner.git("branch", "-D", f"imagekit/drift/{IMAGE}")


def test_a_ready_lock_becomes_a_branch_and_one_pull_request(runner: Runner) -> None:
    planted(runner, LOCK)
    for _ in range(2):
        done = runner.step("nightly.yml", "report", "Branches")
        assert done.returncode == 0, done.stderr + done.stdout
        done = runner.step("nightly.yml", "report", "Issues and pull requests", BASE="main")
        assert done.returncode == 0, done.stderr
    shown = run(["git", "show", f"imagekit/drift/{IMAGE}:{LOCK}"], timeout=30, cwd=runner.origin).stdout
    assert shown == "moved\n"
    [request] = runner.api.issues.values()
    assert (request["head"], request["base"]) == (f"imagekit/drift/{IMAGE}", "main")
    assert request["title"] == f"{IMAGE}: take in 16 inputs that moved upstream"
    assert r"- p10 1 to 2 \(sssd\)" in request["body"]


@pytest.mark.attack
@pytest.mark.parametrize("path", [".github/workflows/ci.yml", "images/base/Dockerfile", "images/locks/x.lock.sh"])
def test_a_branch_that_changes_more_than_locks_is_not_pushed(runner: Runner, path: str) -> None:
    """The drift job runs what images are made of; what it hands over may not reach the code."""
    planted(runner, path)
    done = runner.step("nightly.yml", "report", "Branches")
    assert done.returncode == 1
    assert "changes more than locks" in done.stdout
    listed = run(["git", "branch", "--list", "imagekit/*"], timeout=30, cwd=runner.origin).stdout
    assert listed == ""


def test_a_night_that_comes_to_no_answer_is_red_by_its_own_steps(runner: Runner, tmp_path: Path) -> None:
    """The very steps that build and boot, as far as an image goes whose packages nobody locked: no further."""
    for name, said in (("Drift", "has no images/locks"), ("The node contract, on every boot path", "images.lock")):
        done = runner.step("nightly.yml", "drift", name, IMAGE="rocky9-k0s-node")
        assert done.returncode == 2, done.stdout + done.stderr
        assert said in done.stderr
    name = "The answer as the summary of this job, and the branch as a file"
    assert runner.step("nightly.yml", "drift", name, IMAGE="rocky9-k0s-node").returncode == 0, "it adds no failure"
    assert "rocky" not in (tmp_path / "summary").read_text()
    assert not list((runner.checkout / ".imagekit/nights").glob("*/drift.txt"))


def test_the_morning_without_a_night_is_red(runner: Runner) -> None:
    none = runner.step("alarms.yml", "alarms", "Alarms")
    assert none.returncode == 4
    assert none.stdout.startswith("nothing is known")
    runner.night()
    trends = runner.step("nightly.yml", "report", "Trends, and what has starved")
    assert "1 nights taken in" in trends.stderr, trends.stderr
    assert (runner.checkout / "trends.html").read_text().count("<svg") >= 1
    morning = runner.step("alarms.yml", "alarms", "Alarms")
    assert morning.returncode == 1, "the suites never ran here, and the simulated night is not of today"
    assert "suite does not run" in morning.stdout


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_github_that_says_no_is_an_error_and_changes_nothing(runner: Runner, status: int) -> None:
    runner.night(bad_together("p10"))
    runner.api.failing = status
    with pytest.raises(ToolError, match="gh"):
        keep_issues(GitHub("o/r", runner.env), read_asked([runner.checkout / "nights"]))
    assert runner.api.issues == {}
    done = runner.step("nightly.yml", "report", "Issues and pull requests", BASE="main")
    assert done.returncode == 3


def test_more_than_a_page_of_issues(runner: Runner) -> None:
    hub = GitHub("o/r", runner.env)
    for number in range(1, 206):
        labels = [{"name": "imagekit-drift"}]
        row = {"number": number, "title": f"t{number}", "body": None, "state": "open", "labels": labels}
        runner.api.issues[number] = row
    assert [issue.number for issue in hub.opened()] == list(range(1, 206))
