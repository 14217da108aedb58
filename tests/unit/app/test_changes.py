"""A result says what changed since the last good run, `imagekit plan` what since the last build (issue 16, 2)."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.app.changes import changes_since, last_good
from imagekit.app.lastbuild import since_last_build
from imagekit.app.options import Options
from imagekit.app.run import run_image
from imagekit.app.runs import kept_runs
from imagekit.base.process import run
from imagekit.build.kept import kept_builds
from imagekit.build.result import Build
from imagekit.config.load import Project, load_project
from imagekit.plan.resolve import make_plan
from imagekit.report.result import LayerRow, RunResult, Verdict, read_result, write_result
from tests.support.inventories import Members, keep_build, put
from tests.support.project import checked_project, commit
from tests.support.simbackend import SimBackend
from tests.unit.cli.test_exit_codes import imagekit

NAME = "small-node"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(checked_project(tmp_path / "project"))


def edit(project: Project, text: str = "# more\n") -> Project:
    path = project.root / "images/extra/Dockerfile"
    path.write_text(path.read_text() + text)
    commit(project.root, "extra: more", "2026-11-24T12:00:00+00:00")
    return load_project(project.root)


def good_run(build: Build, run_id: str = "20261128-120000-abcd", **more: object) -> RunResult:
    fields = {
        **{"run_id": run_id, "image": NAME, "command": "", "started": "2026-11-28T12:00:00+00:00", "seconds": 1.0},
        **{"verdict": Verdict.PASSED, "digest": str(build.digest), "version": build.version, **more},
    }
    return RunResult(**fields)  # type: ignore[arg-type]  # what a test names is of the right type


def test_a_first_run_and_one_of_the_same_digest_tell_nothing(project: Project) -> None:
    world = SimBackend()
    assert run_image(project, NAME, Options(publish=False), world).result.changes == ()
    assert run_image(project, NAME, Options(publish=False, fresh=True), world).result.changes == ()
    assert world.calls["changes"] == 0


def test_another_digest_is_told_against_the_last_good_one_and_stands_in_the_file(project: Project) -> None:
    world = SimBackend()
    first = run_image(project, NAME, Options(publish=False), world).result
    second = run_image(edit(project), NAME, Options(publish=False), world).result
    assert second.changes == (f"from {first.digest} to {second.digest}",)
    assert read_result(project.work / "runs" / second.run_id).changes == second.changes


def test_a_build_that_fails_is_told_by_its_plan(project: Project) -> None:
    """The failure card needs it most; what failed is no good run for the next one."""
    first = run_image(project, NAME, Options(publish=False), SimBackend()).result
    for _ in range(2):
        project = edit(project)
        failed = run_image(project, NAME, Options(publish=False), SimBackend(failing={"build"})).result
        assert failed.changes == (f"from {first.digest} to {failed.plan_id}",)


def test_what_cannot_be_told_is_said_and_ends_no_run(project: Project) -> None:
    run_image(project, NAME, Options(publish=False), SimBackend())
    done = run_image(edit(project), NAME, Options(publish=False), SimBackend(failing={"changes"}))
    assert done.result.verdict is Verdict.PASSED
    assert done.result.changes[0].startswith("what changed since run ")


def test_a_damaged_result_and_another_images_are_no_good_run(project: Project) -> None:
    build = keep_build(project)
    runs = project.work / "runs"
    write_result(good_run(build), runs / "20261128-120000-abcd")
    write_result(good_run(build, "20261128-130000-abcd", image="other"), runs / "20261128-130000-abcd")
    write_result(good_run(build, "20261128-140000-abcd", verdict=Verdict.FAILED), runs / "20261128-140000-abcd")
    write_result(good_run(build, "20261128-150000-abcd"), runs / "20261128-150000-abcd").write_text("{")
    found = last_good(kept_runs(project.work), NAME)
    assert found is not None
    assert found.run_id == "20261128-120000-abcd"


def ssh_opened(members: Members) -> None:
    put(members, "etc/ssh/sshd_config", b"Include sshd_config.d/*.conf\nPermitRootLogin yes\n")


def test_layers_changes_and_commits_are_told(project: Project) -> None:
    old = keep_build(project)
    project = edit(project)
    new = keep_build(project, ssh_opened)
    row = LayerRow(name="extra", id="0", digest="sha256:0", size=1, seconds=1.0, cached=False)
    run = good_run(old, layers=(row, replace(row, name="stamp")))
    reported = changes_since(project, run, make_plan(project, NAME), new)
    assert reported[0] == f"since run {run.run_id} ({old.version}): layer extra"
    assert reported[1] == "sshd now accepts root logins, by password too"
    assert reported[2].startswith("commit ")
    assert reported[2].endswith("extra: more")
    assert len(reported) == 3


def test_more_than_a_dozen_lines_are_counted(project: Project) -> None:
    old = keep_build(project)

    def many(members: Members) -> None:
        for number in range(30):
            put(members, f"opt/{number:02}/file")

    project = edit(project)
    run = good_run(old)
    reported = changes_since(project, run, make_plan(project, NAME), keep_build(project, many))
    assert len(reported) == 12
    assert reported[-1] == f"and 21 more: imagekit diff {run.run_id} {NAME}"


def test_a_build_that_is_gone_is_said(project: Project) -> None:
    old = keep_build(project)
    run = good_run(old, digest="sha256:" + "1" * 64)
    reported = changes_since(project, run, make_plan(project, NAME), old)
    assert reported[-1] == f"the build of run {run.run_id} is gone: packages and files cannot be compared"


def test_a_plan_without_an_image_says_which_input_changed(project: Project) -> None:
    run = good_run(keep_build(project))
    project = edit(project)
    reported = changes_since(project, run, make_plan(project, NAME), None)
    assert "extra: its files changed" in reported


def test_the_plan_is_held_against_the_last_build(project: Project) -> None:
    plan = make_plan(project, NAME)
    assert since_last_build(project, plan) == ()
    build = keep_build(project)
    assert since_last_build(project, plan) == (f"built: {build.digest}",)
    project = edit(project)
    reported = since_last_build(project, make_plan(project, NAME))
    assert reported[:2] == (f"since the last build, {build.version}:", "  extra: its files changed")
    (build.layout.parent / "plan.json").unlink()
    (said,) = since_last_build(project, make_plan(project, NAME))
    assert said == f"the last build, {build.version}, does not say what it was made from"


def test_half_made_builds_are_none(project: Project) -> None:
    build = keep_build(project)
    (project.work / "builds/.half.1.x").mkdir()
    (project.work / "builds/empty").mkdir()
    assert kept_builds(project.work) == (build,)


def test_the_command_shows_it_below_the_tree(project: Project) -> None:
    keep_build(project)
    project = edit(project)
    done = imagekit(project.root, "plan")
    assert done.returncode == 0
    assert "  extra: its files changed" in done.stdout.splitlines()


def test_the_same_files_committed_are_the_same_build(project: Project) -> None:
    """It had another id and version, and had to pass its tests again."""
    path = project.root / "images/extra/Dockerfile"
    path.write_text(path.read_text() + "# more\n")
    build = keep_build(load_project(project.root))
    commit(project.root, "extra: more", "2026-11-24T12:00:00+00:00")
    plan = make_plan(load_project(project.root), NAME)
    assert (plan.id, plan.version) == (build.plan_id, build.version)
    assert since_last_build(project, plan) == (f"built: {build.digest}",)


def test_an_earlier_state_that_is_kept_is_told_as_built(project: Project) -> None:
    first, path = keep_build(project), project.root / "images/extra/Dockerfile"
    before = path.read_text()
    keep_build(edit(project))
    path.write_text(before)
    again = make_plan(load_project(project.root), NAME)
    assert since_last_build(project, again) == (f"built: {first.digest}",)


def test_a_run_of_what_was_committed_since_has_nothing_to_do(project: Project) -> None:
    path = project.root / "images/extra/Dockerfile"
    path.write_text(path.read_text() + "# more\n")
    world = SimBackend()
    first = run_image(load_project(project.root), NAME, Options(publish=False), world)
    commit(project.root, "extra: more", "2026-11-24T12:00:00+00:00")
    second = run_image(load_project(project.root), NAME, Options(publish=False), world)
    assert second.unchanged
    assert second.result.run_id == first.result.run_id


def test_of_the_same_plan_nothing_changed_though_nothing_was_built(project: Project) -> None:
    """A run that ends before the build knows no digest; its plan says that the image is the same."""
    world = SimBackend()
    run_image(project, NAME, Options(publish=False), world)
    world.failing.add("needs")
    assert run_image(project, NAME, Options(publish=False), world).result.changes == ()
    assert world.calls["changes"] == 0


def test_what_plan_asks_starts_without_what_builds_and_compares() -> None:
    heavy = ("imagekit.app.diff", "imagekit.inventory", "imagekit.artifact", "docker", "sigstore")
    code = f"import sys, imagekit.app.lastbuild\nprint([name for name in {heavy!r} if name in sys.modules])"
    assert run([sys.executable, "-c", code], timeout=60).stdout.strip() == "[]"
