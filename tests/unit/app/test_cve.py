"""`imagekit cve` on images that are kept here: layers, what is new, the policy, exit codes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from imagekit.app.cve import cve, scanner_of
from imagekit.cli import cli
from imagekit.config.load import Project, load_project
from imagekit.cve.layers import Row, layers_of_packages
from imagekit.cve.model import State
from imagekit.trust.gate.view import View
from imagekit.trust.sign.trust import SKEW
from tests.support.advisories import not_affected, openvex, tracker
from tests.support.inventories import Members, keep_build, put, status
from tests.support.layout import layer, layout, member
from tests.support.project import commit, make_project
from tests.support.release import evidence

NOW = datetime.now(UTC)
CURL = {"CVE-2026-1": {"status": "resolved", "fixed_version": "8.1-3"}, "CVE-2026-2": {"status": "open"}}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = make_project(tmp_path / "project")
    tracker(root / "tracker.json", curl=CURL)
    (root / "imagekit.yaml").write_text("version: 1\nadvisories: [{kind: debian-tracker, at: tracker.json}]\n")
    commit(root, "advisories", "2026-11-23T12:00:00+00:00")
    return load_project(root)


def ask(project: Project, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--project", str(project.root), "cve", *arguments], standalone_mode=False)


def test_an_image_that_is_kept_here(project: Project) -> None:
    digest = str(keep_build(project).digest)
    found = ask(project, digest)
    assert found.exception is None, found.exception
    assert found.return_value == 0
    lines = found.output.splitlines()
    assert lines[0].startswith("2 packages of debian-13: 1 fix available, 1 unfixed, 0 undetermined")
    assert "CVE-2026-1 curl 8.1-1: fixed in 8.1-3" in lines
    assert json.loads(ask(project, digest, "--format", "json").output)["packages"] == 2


def test_vex_of_the_project(project: Project) -> None:
    digest = str(keep_build(project).digest)
    openvex(project.root / "vex/curl.json", not_affected("CVE-2026-1", "pkg:deb/debian/curl"))
    found = cve(project, digest, now=NOW)
    assert [each.cve for each in found.of(State.NOT_APPLICABLE)] == ["CVE-2026-1"]
    assert "CVE-2026-1" not in ask(project, digest).output
    assert "not_affected" in ask(project, digest, "--all").output


def test_new_since_an_earlier_release(project: Project) -> None:
    """What was known when that one was scanned is not new; a CVE that came up since is, without any package moving."""
    digest = str(keep_build(project).digest)
    cve(project, digest, now=NOW)
    tracker(project.root / "tracker.json", curl={**CURL, "CVE-2026-9": {"status": "open"}})
    found = cve(project, digest, since=digest, now=NOW)
    assert [each.cve for each in found.found if each.new] == ["CVE-2026-9"]
    assert "as scanned with data of" in found.baseline


@pytest.mark.parametrize(
    ("rule", "code"),
    [("{fixable: 0}", 1), ("{fixable: 1}", 0), ("{fixable: 1, unfixed: 0}", 1), ("{fixable: 9, data_age: 1m}", 4)],
)
def test_the_rule_of_a_channel(project: Project, rule: str, code: int) -> None:
    import os

    os.utime(project.root / "tracker.json", (NOW.timestamp() - 3600, NOW.timestamp() - 3600))
    policy = f"version: 1\npublish: {{}}\nchannels:\n  dev:\n    vulnerabilities: {rule}\n"
    (project.root / "policy.yaml").write_text(policy)
    digest = str(keep_build(project).digest)
    assert ask(project, digest, "--channel", "dev").return_value == code


def test_without_a_source_the_answer_is_that_nobody_knows(project: Project) -> None:
    digest = str(keep_build(project).digest)
    (project.root / "imagekit.yaml").write_text("version: 1\n")
    error = ask(project, digest).exception
    assert getattr(error, "exit_code", None) == 4
    (project.root / "imagekit.yaml").write_text("version: 1\nadvisories: [{kind: osv, at: gone.zip}]\n")
    assert getattr(ask(project, digest).exception, "exit_code", None) == 4
    view = View(evidence=evidence(), channel="dev", now=NOW, skew=SKEW)
    assert "gone.zip" in scanner_of(load_project(project.root))(view).problem


def test_a_rule_that_nobody_wrote_is_said(project: Project) -> None:
    error = ask(project, str(keep_build(project).digest), "--channel", "dev").exception
    assert getattr(error, "exit_code", None) == 2


def test_a_package_belongs_to_the_layer_that_brought_its_version(tmp_path: Path) -> None:
    def database(**packages: str) -> bytes:
        return layer(member("var/lib/dpkg/status", status(**packages)))

    digest = layout(
        tmp_path,
        [
            database(bash="5.2", curl="8.1"),
            layer(member("etc/x", b"1")),
            database(bash="5.2", curl="8.2", sssd="2"),
            layer(member("etc/y", b"")),
        ],
    )
    found = json.loads((tmp_path / "blobs/sha256" / digest.hex).read_text())["layers"]
    blobs = [(each["digest"], each["size"]) for each in found]
    base = Row("base", blobs[1][0], blobs[1][1])
    # Of several blobs a layer names the topmost, as the real builder does; the database is in one below.
    sssd = Row("sssd", blobs[3][0], blobs[2][1] + blobs[3][1])
    wanted = {"bash": "distribution", "curl": "sssd", "sssd": "sssd"}
    assert layers_of_packages(tmp_path, digest, [base, sssd]) == wanted
    unknown = dict.fromkeys(wanted, "")
    assert layers_of_packages(tmp_path, digest, []) == unknown
    assert layers_of_packages(tmp_path, digest, [base, sssd._replace(size=sssd.size + 1)]) == unknown
    assert layers_of_packages(tmp_path, digest, [sssd, base]) == unknown
    assert layers_of_packages(tmp_path, digest, [sssd._replace(digest="sha256:" + "0" * 64)]) == unknown


def test_an_image_of_another_distribution_is_not_clean(project: Project) -> None:
    def other(members: Members) -> None:
        put(members, "etc/os-release", b"ID=rocky\nVERSION_ID=9.4\n")

    error = ask(project, str(keep_build(project, other).digest)).exception
    assert getattr(error, "exit_code", None) == 4
