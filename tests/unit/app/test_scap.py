"""Scanner and content of an image: which there are, how they are packed, and what is said where there is none."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from imagekit.app import scap, scapbundle
from imagekit.app.scapbundle import ContentMissingError, Files, packed
from imagekit.app.target import Target, with_suite
from imagekit.base.errors import ConfigError
from imagekit.base.process import run
from imagekit.build.mirror import Mirror
from imagekit.checks.named import named_suites
from imagekit.checks.scap.model import Evaluation, RuleResult, RuleWaiver
from imagekit.config.load import Project, load_project
from imagekit.config.model import Family
from imagekit.config.packagelock import LockedPackage
from tests.support.project import checked_project
from tests.support.xccdf import PROFILE, benchmark

SUITE = named_suites(Path(__file__).parents[3] / "vm-harness")["openscap"]
DATASTREAM = "usr/share/xml/small-ds.xml"
DECLARED = SUITE.scap[Family.DEBIAN]["trixie"].model_copy(
    update={"datastream": f"/{DATASTREAM}", "profile": PROFILE, "content_from": None}
)
SMALL = SUITE.model_copy(update={"scap": {Family.DEBIAN: {"trixie": DECLARED}}})
NOTHING = SUITE.model_copy(update={"scap": {Family.RHEL: SUITE.scap[Family.RHEL]}})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(checked_project(tmp_path / "project"))


@pytest.fixture
def target(project: Project, tmp_path: Path) -> Target:
    return with_suite(Target(project=project, name="small-node", run_id="x", folder=tmp_path / "run"), SMALL)


def package(folder: Path, name: str, files: dict[str, str], links: dict[str, str] | None = None) -> Files:
    """A Debian package with these files, as it lies in the store."""
    root = folder / name
    for path, text in {**files, "DEBIAN/control": _control(name)}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    for path, to in (links or {}).items():
        (root / path).symlink_to(to)
    file = folder / f"{name}.deb"
    run(["dpkg-deb", "--root-owner-group", "--build", root, file], timeout=60)
    data = file.read_bytes()
    return ((LockedPackage("scap", name, "1", "all", sha256(data).hexdigest(), len(data), "x", "x"), file),)


def _control(name: str) -> str:
    return f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n"


@pytest.fixture
def scanner(tmp_path: Path) -> Files:
    library = "usr/lib/x86_64-linux-gnu"
    return package(
        tmp_path,
        "openscap-scanner",
        {
            "usr/bin/oscap": "oscap",
            f"{library}/ld-linux-x86-64.so.2": "loader",
            f"{library}/libx.so.1.2": "x",
            f"{library}/gconv/libJIS.so": "not needed",
        },
        {f"{library}/libx.so.1": "libx.so.1.2"},
    )


@pytest.fixture
def content(tmp_path: Path) -> Files:
    return package(tmp_path, "ssg-debian", {DATASTREAM: benchmark({"one": "pass"}, results=0)})


def test_the_archive_has_what_the_scanner_runs_with(project: Project, scanner: Files, content: Files) -> None:
    bundle = packed(project, DECLARED, scanner, content)
    with tarfile.open(bundle) as tar:
        assert sorted(tar.getnames()) == ["ds.xml", "ld.so", "lib/libx.so.1", "lib/libx.so.1.2", "oscap"]
        assert tar.getmember("lib/libx.so.1").linkname == "libx.so.1.2"
        assert tar.getmember("oscap").mode == 0o755
    before = bundle.stat().st_mtime_ns
    assert packed(project, DECLARED, scanner, content) == bundle
    assert bundle.stat().st_mtime_ns == before, "what is made of the same packages is kept"


def test_a_profile_that_is_not_in_the_content_is_named_with_those_there_are(
    project: Project, scanner: Files, content: Files
) -> None:
    wrong = DECLARED.model_copy(update={"profile": "xccdf_org.example_profile_large"})
    with pytest.raises(ConfigError, match=r"has no profile xccdf_org\.example_profile_large") as caught:
        packed(project, wrong, scanner, content)
    assert caught.value.exit_code == 2
    assert PROFILE in caught.value.hint


def test_a_package_without_the_data_stream_is_named(project: Project, scanner: Files, content: Files) -> None:
    wrong = DECLARED.model_copy(update={"datastream": "/usr/share/xml/other-ds.xml"})
    with pytest.raises(ContentMissingError, match=r"ssg-debian 1 has no data stream .*/other-ds\.xml") as caught:
        packed(project, wrong, scanner, content)
    assert "It has there: small-ds.xml." in caught.value.hint


def test_a_mirror_that_has_it_not_says_what_was_looked_for_and_where(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scapbundle, "debian_mirror", lambda _: Mirror(f"file:{tmp_path}/nowhere"))
    with pytest.raises(ContentMissingError, match="openscap-scanner of trixie cannot be had") as caught:
        scap.bring(target, SMALL)
    assert caught.value.exit_code == 3
    assert f"file:{tmp_path}/nowhere" in caught.value.hint
    assert "nothing was judged" in str(caught.value)


def test_a_release_without_content_says_where_to_declare_it(target: Target) -> None:
    with pytest.raises(
        ContentMissingError, match="no SCAP content is declared for debian trixie of small-node"
    ) as caught:
        scap.bring(target, NOTHING)
    assert caught.value.exit_code == 3
    assert "vm-harness/suites/openscap.yaml, scap: debian, which has: none" in caught.value.hint


def test_the_rhel_family_is_declared_and_refused(tmp_path: Path) -> None:
    rocky = Target(project=load_project(Path(__file__).parents[3]), name="rocky9-k0s-node", run_id="x", folder=tmp_path)
    with pytest.raises(ContentMissingError, match="rocky9-k0s-node is of family rhel") as caught:
        scap.bring(rocky, SUITE)
    assert "9 (/usr/share/xml/scap/ssg/content/ssg-rhel9-ds.xml)" in caught.value.hint


def test_within_a_run_it_is_brought_once(
    target: Target, scanner: Files, content: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fetched(_: Project, packages: tuple[str, ...], release: str) -> Files:
        asked.append(release)
        return scanner if packages == DECLARED.scanner else content

    monkeypatch.setattr(scap, "fetched", fetched)
    first = scap.bring(target, SMALL)
    assert scap.bring(target, SMALL) == first
    assert asked == ["trixie", "trixie"]
    assert (first.scanner, first.content) == ("openscap-scanner 1", "ssg-debian 1")


def test_what_the_scanner_found_is_kept_beside_its_own_file(
    target: Target, scanner: Files, content: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = target.project.root / "images/base/layer.yaml"
    waiver = '{control: rule_bad, until: 2027-01-01, reason: "no partitions here"}'
    layer.write_text(layer.read_text() + f"hardening: {{waived: [{waiver}, {waiver.replace('bad', 'bed')}]}}\n")
    target = replace(target, project=load_project(target.project.root))
    monkeypatch.setattr(scap, "fetched", lambda _p, wanted, _r: scanner if wanted == DECLARED.scanner else content)
    answers = {"good": "pass", "bad": "fail", "other": "notapplicable"}
    monkeypatch.setattr(scap, "scan", lambda _n, _b, _p, into, **_: _kept(into, benchmark(answers)))
    found = Evaluation.read(scap.judged(target, SMALL, None, tmp_path / "direct", pace=1.0))  # type: ignore[arg-type]
    assert {rule.id: rule.result for rule in found.rules} == {
        "rule_good": RuleResult.PASS,
        "rule_bad": RuleResult.FAIL,
        "rule_other": RuleResult.NOT_APPLICABLE,
    }
    assert found.waiver_of("rule_bad") == RuleWaiver(rule="rule_bad", until="2027-01-01", reason="no partitions here")
    assert found.mistaken == ("rule_bed",), "what the content has not is a typing mistake"
    assert found.scan.short == "1 of 2 rules that apply (50%), 1 fail, 1 notapplicable"
    assert (found.scan.benchmark, found.scan.content) == ("0.1", "ssg-debian 1")
    kept = (tmp_path / "direct/openscap-results.xml").read_bytes()
    assert found.scan.results == sha256(kept).hexdigest()


def _kept(into: Path, text: str) -> None:
    into.parent.mkdir(parents=True, exist_ok=True)
    into.write_text(text)
