"""The workflows of GitHub Actions and the action: pinned, without rights they do not need, clean for two linters."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from imagekit.base.process import run
from imagekit.cli import COMMANDS, cli

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
ACTION = ROOT / "action.yml"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())["jobs"]
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_grants_nothing_at_the_top_and_each_job_names_its_rights(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["permissions"] == {}
    assert [name for name, job in jobs(path).items() if "permissions" not in job] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_has_a_concurrency_group(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["concurrency"]["group"]


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.name)
def test_actions_are_pinned_by_commit(path: Path) -> None:
    uses = re.findall(r"^\s*-?\s*uses:\s*(\S+)", path.read_text(), re.MULTILINE)
    assert [name for name in uses if not name.startswith("./") and not re.search(r"@[0-9a-f]{40}$", name)] == []


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.name)
def test_an_action_has_one_version_everywhere(path: Path) -> None:
    everywhere = "\n".join(file.read_text() for file in (*WORKFLOWS, ACTION))
    for name, pin in re.findall(r"uses:\s*([^@\s]+)@(\S+)", path.read_text()):
        assert set(re.findall(rf"uses:\s*{re.escape(name)}@(\S+)", everywhere)) == {pin}


def test_what_one_image_keeps_is_restored_for_no_other() -> None:
    """A key is found by its beginning; after the name stands what no name has in it."""
    for path in WORKFLOWS:
        begun = re.findall(r"restore-keys: (.*matrix\.image.*)", path.read_text())
        assert [each for each in begun if not each.endswith("matrix.image }}.")] == []
        assert all(f"key: {each}${{{{ github.run_id }}}}" in path.read_text() for each in begun)


def test_a_pull_request_pushes_and_signs_nothing() -> None:
    for path in WORKFLOWS:
        events = yaml.safe_load(path.read_text())[True]  # YAML 1.1 reads the key `on` as true
        if "pull_request" not in events:
            continue
        called = [job["uses"] for job in jobs(path).values() if "uses" in job]
        files = [path, *(ROOT / name for name in called)]
        rights = [job.get("permissions") or {} for file in files for job in jobs(file).values()]
        assert {right for each in rights for right in each.values()} <= {"read"}
        assert not re.search(r"secrets\.|github\.token", "".join(file.read_text() for file in files))


@pytest.mark.attack
@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.name)
def test_no_input_chooses_the_code_that_runs(path: Path) -> None:
    """D30: under the identity of a reusable workflow its own code runs, at its own commit, whoever calls it."""
    steps = [step for job in yaml.safe_load(path.read_text()).get("jobs", {}).values() for step in job.get("steps", [])]
    chosen = [step.get("with") or {} for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    named = [str(each.get(key)) for each in chosen for key in ("repository", "ref") if key in each]
    assert set(named) <= {"${{ job.workflow_repository }}", "${{ job.workflow_sha }}"}
    for step in steps:
        assert "inputs." not in step.get("uses", "") + step.get("run", ""), "an input reaches a step by env alone"


@pytest.mark.attack
def test_a_job_that_is_not_told_where_it_comes_from_checks_out_nothing() -> None:
    """D30, variant: an empty repository would be the caller's for actions/checkout."""
    for name in ("publish.yml", "build.yml"):
        for job in jobs(ROOT / ".github/workflows" / name).values():
            first = job["steps"][0]
            for reported, code in (
                ("o/r@" + "a" * 40, 0),
                ("@", 1),
                ("o/r@main", 1),
                ("o/r@", 1),
                ("o/r/x@" + "a" * 40, 1),
            ):
                done = run(["bash", "-c", first["run"]], timeout=10, env={"WORKFLOW": reported}, ok=(0, 1))
                assert done.returncode == code, reported


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.name)
def test_the_commands_that_are_called_exist(path: Path) -> None:
    called = re.findall(r"bin/imagekit\"?(?: --project \S+)? (.*)", path.read_text())
    for line in called:
        words = line.split()
        if words[0].strip('"').startswith("$"):
            continue
        assert words[0] in COMMANDS, line
        command = cli.get_command(click.Context(cli), words[0])
        assert command is not None
        options = {name for one in command.params for name in one.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_zizmor_finds_nothing_at_its_strictest() -> None:
    argv: list[str | Path] = [BIN / "zizmor", "--offline", "--strict-collection", "--persona=auditor"]
    done = run([*argv, "--quiet", ROOT / ".github", ACTION], timeout=120, cwd=ROOT, ok=range(256))
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_finds_nothing() -> None:
    program = ROOT / ".imagekit/tools/bin/actionlint"
    if not program.exists():
        pytest.skip("no actionlint: bin/setup dev builds it where Go is")
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"  # shellcheck is there, and looks at every `run`
    # GitHub tells these two since April 2026, after this version: https://github.com/actions/checkout/issues/1418
    known = 'property "workflow_(repository|sha)" is not defined in object type'
    argv: list[str | Path] = [program, "-no-color", "-ignore", known, *WORKFLOWS]
    done = run(argv, timeout=120, cwd=ROOT, env={"PATH": path}, ok=range(256))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_for_other_repositories_is_a_workflow_of_ten_lines_at_most(tmp_path: Path) -> None:
    page = (ROOT / "docs/github.md").read_text()
    example = next(block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if block.startswith("on:"))
    assert len(example.splitlines()) <= 10
    (job,) = yaml.safe_load(example)["jobs"].values()
    called = ROOT / re.sub(r"^OWNER/imagekit/|@COMMIT$", "", job["uses"])
    inputs = yaml.safe_load(called.read_text())[True]["workflow_call"]["inputs"]
    assert {name for name, each in inputs.items() if each.get("required")} <= set(job.get("with", {})) <= set(inputs)
    asked: set[tuple[str, str]] = set()
    for each in jobs(called).values():
        asked |= set((each["permissions"] or {}).items())
    assert set(job["permissions"].items()) == asked


def step(path: Path, job: str, name: str) -> str:
    """The script of a step."""
    [found] = [each["run"] for each in jobs(path)[job]["steps"] if each.get("name") == name]
    return str(found)


DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("action", "reference", "to", "good"),
    [
        ("promote", f"ghcr.io/owner/images/node@{DIGEST}", "", True),
        ("promote", f"127.0.0.1:5055/imagekit/node@{DIGEST}", "", True),
        ("promote", "--help", "", False),
        ("promote", "ghcr.io/owner/images/node:v1", "", False),
        ("promote", f"--channel=dev/x@{DIGEST}", "", False),
        ("promote", f"ghcr.io/owner/node@{DIGEST}\n--help", "", False),
        ("promote", f"ghcr.io/owner/$(id)@{DIGEST}", "", False),
        ("promote", "node@dev", "", False),
        ("rollback", "node", "", True),
        ("rollback", "node", DIGEST, True),
        ("rollback", "node", "v2026.1122.0-g1a2b3c4", True),
        ("rollback", "node", "--help", False),
        ("rollback", "--help", "", False),
    ],
)
def test_a_release_takes_only_what_can_be_pinned(action: str, reference: str, to: str, good: bool) -> None:
    """D31: `--help` as the reference made the gate's job green; a tag could move between the review and the act."""
    script = step(ROOT / ".github/workflows/release.yml", "gate", "Only what can be pinned")
    env = {"ACTION": action, "REFERENCE": reference, "TO": to}
    done = run(["bash", "-euo", "pipefail", "-c", script], timeout=10, env=env, ok=(0, 1))
    assert (done.returncode == 0) is good, done.stdout


def test_a_release_acts_on_what_was_reviewed() -> None:
    """D31, D45: resolved once, in the job before the approval; one decision at a time, whatever the channel."""
    path = ROOT / ".github/workflows/release.yml"
    acting = yaml.safe_dump(jobs(path)["release"]["steps"])
    assert "inputs.reference" not in acting
    assert "inputs.to" not in acting
    assert "if" not in jobs(path)["release"], "without a gate that is green nothing is done"
    assert "${{" not in yaml.safe_load(path.read_text())["concurrency"]["group"]
