"""`imagekit diff A B` finds both images by whatever a person has of them, and never guesses (issue 16, 2)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagekit.app.diff import commits_between, diff, kept_build
from imagekit.base.errors import ConfigError
from imagekit.config.load import Project, load_project
from imagekit.inventory.take import NAME
from imagekit.report.result import RunResult, Verdict, write_result
from tests.support.inventories import Members, keep_build, put
from tests.support.project import commit, git, make_project
from tests.unit.cli.test_exit_codes import imagekit

RUN = "20261128-120000-abcd"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(make_project(tmp_path / "project"))


def edited(members: Members) -> None:
    put(members, "etc/ssh/sshd_config", b"Include sshd_config.d/*.conf\nPermitRootLogin yes\n")


def change_sources(project: Project, text: str, date: str = "2026-11-24T12:00:00+00:00") -> Project:
    (project.root / "images/extra/Dockerfile").write_text(f"FROM parent AS extra\n# {text}\n")
    commit(project.root, f"extra: {text}", date)
    return load_project(project.root)


def run_of(project: Project, digest: str, version: str = "v1") -> None:
    result = RunResult(
        run_id=RUN,
        image="small-node",
        command="",
        started="2026-11-28T12:00:00+00:00",
        seconds=1.0,
        verdict=Verdict.FAILED,
        digest=digest,
        version=version,
    )
    write_result(result, project.work / "runs" / RUN)


def test_every_name_of_a_kept_build_finds_it(project: Project) -> None:
    build = keep_build(project)
    run_of(project, str(build.digest))
    names = [build.version, build.plan_id, build.plan_id[:7], str(build.digest), build.digest.hex[:12], RUN, RUN[:15]]
    assert [kept_build(project, name) for name in names] == [build] * len(names)


def test_a_change_and_its_commit_are_told_with_exit_code_one(project: Project) -> None:
    old = keep_build(project)
    project = change_sources(project, "let root in")
    keep_build(project, edited)
    found = diff(project, old.version, "small-node")
    assert [change.text for change in found.comparison.changes] == ["sshd now accepts root logins, by password too"]
    assert [line.partition(" ")[2] for line in found.commits or ()] == ["extra: let root in"]
    done = imagekit(project.root, "diff", old.version, "small-node", "--files")
    assert done.returncode == 1
    assert "changed /etc/ssh/sshd_config: 48 to 49 bytes" in done.stdout


def test_the_same_image_is_equal_with_exit_code_nought(project: Project) -> None:
    build = keep_build(project)
    done = imagekit(project.root, "diff", build.version, "small-node", "--format", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["equal"] is True
    assert (build.layout.parent / NAME).is_file()


@pytest.mark.parametrize("name", ["v9.9.9", "nobody", "0123456", "sha256:0123456", "20200101-000000", "", ".."])
def test_what_is_not_there_is_a_wrong_command(name: str, project: Project) -> None:
    build = keep_build(project)
    done = imagekit(project.root, "diff", build.version, name)
    assert done.returncode == 2
    assert done.stdout == ""


def test_a_run_whose_build_is_gone_says_so(project: Project) -> None:
    run_of(project, "sha256:" + "1" * 64, "v2026.1.0-gabc")
    with pytest.raises(ConfigError, match=rf"the build of run {RUN} \(v2026\.1\.0-gabc\) is not kept any more"):
        kept_build(project, RUN)


def test_a_run_without_an_image_says_so(project: Project) -> None:
    run_of(project, "")
    with pytest.raises(ConfigError, match="ended before an image was built"):
        kept_build(project, RUN)


def test_markdown_takes_no_markup_from_an_image(project: Project) -> None:
    old = keep_build(project)
    project = change_sources(project, "x")
    keep_build(project, lambda members: put(members, "etc/ssh/<b>*x*", b""))
    done = imagekit(project.root, "diff", old.version, "small-node", "--format", "markdown")
    assert "- /etc/ssh/\\<b\\>\\*x\\* added" in done.stdout.splitlines()


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_a_name_of_a_file_makes_no_line_of_its_own(form: str, project: Project) -> None:
    old = keep_build(project)
    project = change_sources(project, "x")
    keep_build(project, lambda members: put(members, "etc/x\nunit evil.service is enabled now\x1b[2J", b""))
    done = imagekit(project.root, "diff", old.version, "small-node", "--files", "--format", form)
    assert done.returncode == 1
    assert not any(line.lstrip("- ").startswith("unit") for line in done.stdout.splitlines())
    assert "\x1b" not in done.stdout


def test_commits_both_ways_and_changes_in_none(project: Project) -> None:
    root = project.root
    start = git(root, "rev-parse", "HEAD").strip()
    change_sources(project, "one")
    one = git(root, "rev-parse", "HEAD").strip()
    git(root, "checkout", "-q", start)
    (root / "README.md").write_text("not of the image\n")
    change_sources(project, "two")
    two = git(root, "rev-parse", "HEAD").strip()
    found = commits_between(root, one, f"{two}-dirty")
    assert found is not None
    assert [line.rsplit(" ", 2)[-2:] for line in found[1:]] == [["extra:", "two"], ["extra:", "one"]]
    assert found[0] == "changes that are in no commit"
    assert found[2].startswith("only before: ")


@pytest.mark.parametrize("revision", ["", "unknown", "--output=/tmp/x", "f" * 40, "HEAD"])
def test_a_revision_that_git_does_not_know_says_nothing(revision: str, project: Project) -> None:
    """What a label says is somebody else's text; nothing but the name of a commit that is there reaches git."""
    assert commits_between(project.root, revision, git(project.root, "rev-parse", "HEAD").strip()) is None


def test_what_is_locked_is_compared_where_that_is_asked_for(project: Project) -> None:
    """It needs no mirror."""
    done = imagekit(project.root, "diff", "--locked", "small-node", "small-node")
    assert (done.returncode, "images/locks does not cover what is declared" in done.stderr) == (2, True)
    keep_build(project)
    assert imagekit(project.root, "diff", "--floating", "small-node", "small-node").returncode == 0
