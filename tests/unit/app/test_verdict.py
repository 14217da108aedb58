"""A verdict is kept by all that it depends on, and only one that passed is shown again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.app.verdict import keep_verdict, kept_verdict, verdict_id
from imagekit.config.load import Project, load_project
from imagekit.machine.interface import BootPath
from imagekit.oci.reference import Digest
from imagekit.report.result import Verdict, write_result
from tests.support.project import checked_project
from tests.unit.report.sample import good

NAME = "small-node"
ONE, OTHER = (Digest(f"sha256:{each * 64}") for each in "ab")
BOTH = (BootPath.DIRECT, BootPath.LIVE)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(checked_project(tmp_path / "project"))


def test_a_verdict_depends_on_digest_boot_paths_and_scenarios(project: Project) -> None:
    """Each of them, and which scenarios; one of two boot paths is not the verdict of both."""
    several = [
        verdict_id(project, NAME, ONE, BOTH),
        verdict_id(project, NAME, OTHER, BOTH),
        verdict_id(project, NAME, ONE, (BootPath.DIRECT,)),
        verdict_id(project, NAME, ONE, (BootPath.LIVE,)),
        verdict_id(project, NAME, ONE, BOTH, lifecycle=["upgrade"]),
        verdict_id(project, NAME, ONE, BOTH, lifecycle=["upgrade", "rollback"]),
        verdict_id(project, NAME, ONE, BOTH, lifecycle=["rollback"]),
    ]
    assert len(set(several)) == len(several)
    assert verdict_id(project, NAME, ONE, BOTH) == several[0]
    assert verdict_id(project, NAME, ONE, BOTH, lifecycle=[]) == several[0]


def test_it_depends_on_the_checks_too(project: Project) -> None:
    before = verdict_id(project, NAME, ONE, BOTH)
    path = next((project.root / "vm-harness/checks").rglob("test_*.py"))
    path.write_text(path.read_text() + "# changed\n")
    assert verdict_id(load_project(project.root), NAME, ONE, BOTH) != before


def ran(work: Path, verdict: Verdict) -> None:
    """A run with this verdict, kept as `name`."""
    write_result(replace(good(), run_id="r1", verdict=verdict), work / "runs/r1")
    keep_verdict(work, "name", "r1")


def test_the_run_that_passed_is_found_again(tmp_path: Path) -> None:
    ran(tmp_path, Verdict.PASSED)
    found = kept_verdict(tmp_path, "name")
    assert found is not None
    assert (found.run_id, found.verdict) == ("r1", Verdict.PASSED)
    assert kept_verdict(tmp_path, "another") is None
    keep_verdict(tmp_path, "name", "r2")  # a later run of the same, whose files are gone
    assert kept_verdict(tmp_path, "name") is None


@pytest.mark.parametrize("verdict", [each for each in Verdict if each is not Verdict.PASSED])
def test_one_that_did_not_pass_is_no_verdict_to_show(tmp_path: Path, verdict: Verdict) -> None:
    ran(tmp_path, verdict)
    assert kept_verdict(tmp_path, "name") is None


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("verdicts/name", "no JSON"),
        ("verdicts/name", "{}"),
        ("verdicts/name", "[]"),
        ("verdicts/name", '{"run": 1}'),
        ("runs/r1/result.json", "{"),
        ("runs/r1/result.json", "[]"),
        ("runs/r1/result.json", "{}"),
    ],
)
def test_a_file_that_is_damaged_is_none(tmp_path: Path, path: str, text: str) -> None:
    ran(tmp_path, Verdict.PASSED)
    (tmp_path / path).write_text(text)
    assert kept_verdict(tmp_path, "name") is None
