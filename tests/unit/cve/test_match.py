"""Packages against the tracker's and OSV's advisories, and VEX."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from imagekit.artifact.packagelist import Package, packages_of_dpkg
from imagekit.cve.errors import AdvisoryError, NoAdvisoriesError
from imagekit.cve.match import compared, scan
from imagekit.cve.model import Advisories, Advisory, Scan, State
from imagekit.cve.osv import ecosystem_of, read_osv
from imagekit.cve.sbom import packages_of_sbom
from imagekit.cve.show import as_data, as_markdown, as_text
from imagekit.cve.tracker import read_tracker
from imagekit.cve.versions import compare
from imagekit.cve.vex import read_folder, read_vex
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.sbom import cyclonedx
from tests.support.advisories import DISTRO, not_affected, openvex, package, record, tracker
from tests.support.images import DPKG_STATUS

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
CURL = package("libcurl4", "8.14.1-2", "curl")


def known(by_name: dict[str, tuple[Advisory, ...]], distro: str = DISTRO) -> Advisories:
    return Advisories(distro=distro, by_name=by_name, as_of=NOW, said=("test",))


def states(found: Scan) -> dict[str, State]:
    return {each.cve: each.state for each in found.found}


def by_tracker(path: Path, packages: list[Package], **said: dict[str, dict[str, Any]]) -> dict[str, State]:
    return states(scan(packages, known(read_tracker(tracker(path, **said), DISTRO))))


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({"status": "resolved", "fixed_version": "8.14.1-2"}, None),
        ({"status": "resolved", "fixed_version": "8.14.1-1"}, None),
        ({"status": "resolved", "fixed_version": "8.14.1-2+deb13u1", "urgency": "high"}, State.FIXABLE),
        ({"status": "resolved", "fixed_version": "8.14.1-10"}, State.FIXABLE),  # as text it would be earlier
        ({"status": "resolved", "fixed_version": "8.14.1-2~deb13u1"}, None),  # ~ is before the end
        ({"status": "resolved", "fixed_version": "1:7.0-1"}, State.FIXABLE),  # an epoch outweighs
        ({"status": "resolved", "fixed_version": "0"}, None),  # never had it
        ({"status": "open", "urgency": "not yet assigned"}, State.UNFIXED),
        ({"status": "open", "urgency": "unimportant"}, State.UNIMPORTANT),
        ({"status": "undetermined"}, State.UNDETERMINED),
        ({"status": "resolved", "fixed_version": "no version at all"}, State.UNDETERMINED),
    ],
)
def test_the_tracker_of_debian(tmp_path: Path, said: dict[str, Any], state: State | None) -> None:
    found = by_tracker(tmp_path / "t.json", [CURL], curl={"CVE-2026-1": said})
    assert found == ({} if state is None else {"CVE-2026-1": state})


def test_a_source_is_named_once_with_its_packages(tmp_path: Path) -> None:
    packages = [CURL, package("curl", "8.14.1-2"), package("other", "1")]
    data = read_tracker(tracker(tmp_path / "t", curl={"CVE-2026-1": {"status": "open"}}), DISTRO)
    found = scan(packages, known(data), layers={"curl": "sssd"})
    assert [(each.packages, each.layer) for each in found.found] == [(("curl", "libcurl4"), "sssd")]
    assert found.layers == {"sssd": 1}


def test_a_binary_rebuild_has_the_version_of_its_source() -> None:
    """`g++-14 14.2.0-19+b1` is of gcc-14 14.2.0-19: a fix in 14.2.0-19 is in it, one in -19+deb13u1 is not."""
    packages = [each for each in packages_of_dpkg(DPKG_STATUS, distro=DISTRO) if each.source == "gcc-14"]
    for fixed, state in (("14.2.0-19", None), ("14.2.0-19+deb13u1", State.FIXABLE)):
        found = states(scan(packages, known({"gcc-14": (Advisory(cve="CVE-1", fixed=fixed),)})))
        assert found == ({} if state is None else {"CVE-1": state})


@pytest.mark.parametrize(
    ("events", "versions", "state"),
    [
        ([{"introduced": "0"}, {"fixed": "8.14.1-3"}], [], State.FIXABLE),
        ([{"introduced": "0"}, {"fixed": "8.14.1-2"}], [], None),
        ([{"introduced": "8.14.1-3"}], [], None),
        ([{"introduced": "8.0"}], [], State.UNFIXED),
        ([{"introduced": "0"}, {"last_affected": "8.14.1-2"}], [], State.UNFIXED),
        ([{"introduced": "0"}, {"last_affected": "8.14.1-1"}], [], None),
        ([{"introduced": "0"}, {"fixed": "7.0"}, {"introduced": "8.0"}, {"fixed": "9.0"}], [], State.FIXABLE),
        ([{"introduced": "0"}, {"fixed": "7.0"}, {"introduced": "8.15"}, {"fixed": "9.0"}], [], None),
        # In the order that they stand in nothing is promised; "0" comes first, then the earlier version.
        ([{"fixed": "8.14.1-3"}, {"introduced": "0"}], [], State.FIXABLE),
        ([{"fixed": "8.14.1-2"}, {"introduced": "0"}], [], None),
        ([{"introduced": "8.15"}, {"fixed": "7.0"}, {"fixed": "9.0"}, {"introduced": "0"}], [], None),
        ([{"introduced": "0", "fixed": "8.14.1-2"}], [], None),
        ([{"introduced": "0"}, {"introduced": "8.15"}, {"fixed": "9"}], [], State.FIXABLE),
        ([{"introduced": "1:0"}], [], None),  # an epoch outweighs
        ([{"introduced": "0"}, {"fixed": "no version at all"}], [], State.UNDETERMINED),
        # What is listed is what there was when it was written; the stretch says what comes later.
        ([{"introduced": "0"}], ["8.14.1-1"], State.UNFIXED),
        ([{"introduced": "0"}, {"fixed": "9"}], ["8.14.1-1"], State.FIXABLE),
        ([{"introduced": "9"}], ["8.14.1-2"], State.UNFIXED),
        ([], [], State.UNDETERMINED),
        ([], ["8.14.1-2"], State.UNFIXED),
        ([], ["8.14.1-1"], None),
    ],
)
def test_records_of_osv(tmp_path: Path, events: list[dict[str, str]], versions: list[str], state: State | None) -> None:
    one = record("curl", events)
    one["affected"][0]["versions"] = versions
    (tmp_path / "one.json").write_text(json.dumps(one))
    data, newest = read_osv(tmp_path, DISTRO)
    assert newest == datetime(2026, 11, 20, tzinfo=UTC)
    data = data or {"other": (Advisory(cve="x"),)}
    assert states(scan([CURL], known(data))) == ({} if state is None else {"CVE-2026-1": state})


def test_ranges_of_a_kind_that_is_not_known_are_not_passed_over(tmp_path: Path) -> None:
    one = record("curl", [{"introduced": "abc"}])
    one["affected"][0]["ranges"][0]["type"] = "GIT"
    (tmp_path / "one.json").write_text(json.dumps(one))
    assert states(scan([CURL], known(read_osv(tmp_path, DISTRO)[0]))) == {"CVE-2026-1": State.UNDETERMINED}


def test_an_end_without_a_beginning_is_no_record(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(record("curl", [{"fixed": "9"}])))
    with pytest.raises(AdvisoryError, match="nothing introduced"):
        read_osv(tmp_path, DISTRO)


def test_an_advisory_of_osv_stands_for_its_cves_and_a_withdrawn_one_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as packed:
        events = [{"introduced": "0"}, {"fixed": "9"}]
        packed.writestr(
            "a.json", json.dumps(record("curl", events, id="DSA-1-1", upstream=["CVE-2026-7", "CVE-2026-8"]))
        )
        packed.writestr("b.json", json.dumps(record("curl", events, id="CVE-2026-9", withdrawn="2026-11-01T00:00:00Z")))
        packed.writestr("c.json", json.dumps(record("curl", events, id="DEBIAN-CVE-2026-7")))
    data, _ = read_osv(path, DISTRO)
    assert sorted(states(scan([CURL], known(data)))) == ["CVE-2026-7", "CVE-2026-8"]


def test_rpm_packages_are_matched_by_their_own_name_and_rule(tmp_path: Path) -> None:
    assert ecosystem_of("rocky-9.4") == "Rocky Linux:9"
    one = record("openssl", [{"introduced": "0"}, {"fixed": "1:3.0.7-25.el9_3"}])
    one["affected"][0]["package"]["ecosystem"] = "Rocky Linux:9"
    (tmp_path / "one.json").write_text(json.dumps(one))
    data, _ = read_osv(tmp_path, "rocky-9.4")
    for version, bad in (
        ("1:3.0.7-24.el9", True),
        ("1:3.0.7-25.el9_3", False),
        ("1:3.0.7-9.el9", True),
        ("2:1", False),
    ):
        had = Package(name="openssl", version=version, arch="x86_64", kind="rpm", distro="rocky-9.4")
        assert bool(scan([had], known(data, "rocky-9.4")).found) is bad, version


@pytest.mark.parametrize(
    ("statement", "excused"),
    [
        (not_affected("CVE-2026-1", "pkg:deb/debian/curl"), True),
        (not_affected("CVE-2026-1", "pkg:deb/debian/libcurl4@8.14.1-2?arch=amd64"), True),
        (not_affected("CVE-2026-1", "pkg:deb/debian/curl@8.14.1-1"), False),  # of another version
        (not_affected("CVE-2026-2", "pkg:deb/debian/curl"), False),
        (not_affected("CVE-2026-1", "pkg:deb/debian/wget"), False),
        (not_affected("CVE-2026-1", "pkg:rpm/redhat/curl"), False),
        (not_affected("CVE-2026-1", "pkg:deb/ubuntu/curl"), False),  # another's package of the same name
        (not_affected("CVE-2026-1", "pkg:deb/curl"), True),
        (not_affected("CVE-2026-1", "pkg:deb/debian/curl?distro=debian-12"), False),
        (not_affected("CVE-2026-1", "pkg:deb/debian/curl?distro=debian-13"), True),
        (not_affected("CVE-2026-1", "pkg:deb/debian/curl?arch=source"), True),
        (not_affected("CVE-2026-1", "pkg:deb/debian/libcurl4?arch=arm64"), False),
        (not_affected("CVE-2026-1", "pkg:deb/debian/curl", status="affected"), False),
        (not_affected("CVE-2026-1", "pkg:deb/debian/curl", status="under_investigation"), False),
        (not_affected("CVE-2026-1", "pkg:deb/debian/curl", status="fixed"), True),
        (
            {
                **not_affected("CVE-2026-1"),
                "products": [{"@id": "pkg:oci/node", "subcomponents": [{"@id": "pkg:deb/debian/curl"}]}],
            },
            True,
        ),
    ],
)
def test_vex(tmp_path: Path, statement: dict[str, Any], excused: bool) -> None:
    openvex(tmp_path / "a.json", statement)
    found = scan([CURL], known({"curl": (Advisory(cve="CVE-2026-1"),)}), read_folder(tmp_path))
    [one] = found.found
    assert one.state is (State.NOT_APPLICABLE if excused else State.UNFIXED)
    assert ("ada@example.org" in one.reason) is excused


@pytest.mark.parametrize(
    ("statements", "excused"),
    [
        ([("libcurl4", "not_affected")], False),
        ([("libcurl4", "not_affected"), ("curl", "not_affected")], True),
        ([("curl-source", "not_affected")], True),
        ([("curl-source", "affected"), ("libcurl4", "not_affected")], False),
        ([("curl-source", "not_affected"), ("libcurl4", "affected")], False),
    ],
)
def test_what_is_said_of_one_package_excuses_no_other_of_its_source(
    tmp_path: Path, statements: list[tuple[str, str]], excused: bool
) -> None:
    both = [package(name, "8.14.1-2", "curl-source") for name in ("curl", "libcurl4")]
    said = [
        not_affected("CVE-2026-1", f"pkg:deb/debian/{name}", status=status, timestamp=f"2026-11-0{day}T00:00:00Z")
        for day, (name, status) in enumerate(statements, 1)
    ]
    openvex(tmp_path / "a.json", *said)
    found = scan(both, known({"curl-source": (Advisory(cve="CVE-2026-1"),)}), read_folder(tmp_path))
    assert found.found[0].state is (State.NOT_APPLICABLE if excused else State.UNFIXED)


def test_the_latest_statement_holds_whatever_the_file_is_called(tmp_path: Path) -> None:
    openvex(tmp_path / "z.json", not_affected("CVE-2026-1", "pkg:deb/debian/curl"))
    later = not_affected("CVE-2026-1", "pkg:deb/debian/curl", status="affected", timestamp="2026-11-02T00:00:00Z")
    openvex(tmp_path / "a.json", later)
    found = scan([CURL], known({"curl": (Advisory(cve="CVE-2026-1"),)}), read_folder(tmp_path))
    assert found.found[0].state is State.UNFIXED


@pytest.mark.parametrize(
    "broken",
    [
        not_affected("CVE-1", "pkg:deb/debian/curl", justification=""),
        not_affected("CVE-1", "pkg:deb/debian/curl", status="unaffected"),
        not_affected("CVE-1", "curl"),
        not_affected("CVE-1"),
        not_affected("CVE-1", "pkg:oci/node"),
        {"products": []},
        "text",
    ],
)
def test_a_vex_document_that_does_not_read_excuses_nothing(tmp_path: Path, broken: Any) -> None:
    path = openvex(tmp_path / "a.json", not_affected("CVE-2", "pkg:deb/debian/curl"), broken)
    with pytest.raises(AdvisoryError, match=r"a\.json"):
        read_vex(path)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "{}", '{"a": 1}', '{"a": {"CVE-1": 3}}', "[" * 100_000),
        '{"a": {"CVE-1": {"releases": ["trixie"]}}}',
        '{"a": {"CVE-1": {"releases": {"trixie": "open"}}}}',
    ],
)
def test_a_tracker_file_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "t").write_text(text)
    with pytest.raises(AdvisoryError, match="t"):
        read_tracker(tmp_path / "t", DISTRO)


def test_a_release_that_the_tracker_does_not_name_is_no_clean_image(tmp_path: Path) -> None:
    with pytest.raises(AdvisoryError, match="does not speak of debian-11"):
        read_tracker(tracker(tmp_path / "t"), "debian-11")
    with pytest.raises(AdvisoryError, match="unknown status"):
        read_tracker(tracker(tmp_path / "t", curl={"CVE-1": {"status": "closed"}}), DISTRO)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"id": "x"}', '{"id": "x", "modified": "yesterday"}'])
def test_a_record_of_osv_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(AdvisoryError):
        read_osv(tmp_path, DISTRO)
    (tmp_path / "a.zip").write_text(text)
    with pytest.raises(AdvisoryError):
        read_osv(tmp_path / "a.zip", DISTRO)


def test_nothing_known_is_not_nothing_there() -> None:
    with pytest.raises(NoAdvisoriesError) as caught:
        scan([CURL], known({}))
    assert caught.value.exit_code == 4
    with pytest.raises(NoAdvisoriesError, match="rocky"):
        scan([CURL], known({"curl": (Advisory(cve="CVE-1"),)}, "rocky-9"))


def test_packages_of_others_are_named(tmp_path: Path) -> None:
    packages = [CURL, package("nvidia", "1", distro="")]
    found = scan(packages, known({"curl": (Advisory(cve="CVE-1"),)}))
    assert found.uncovered == ("nvidia",)
    assert "no source speaks of 1 packages: nvidia" in as_text(found, NOW)


def test_what_is_new_is_marked() -> None:
    found = scan([CURL], known({"curl": (Advisory(cve="CVE-1"), Advisory(cve="CVE-2"))}))
    marked = compared(found, [("CVE-1", "curl")], "v1")
    assert {each.cve: each.new for each in marked.found} == {"CVE-1": False, "CVE-2": True}
    assert "1 new since v1" in as_text(marked, NOW)
    assert "| CVE-2 | curl 8.14.1-2 | - | unfixed | - | new |" in as_markdown(marked, NOW)
    assert json.loads(json.dumps(as_data(marked)))["found"][1]["new"] is True


def test_packages_come_back_from_the_bill_of_materials_as_they_were() -> None:
    packages = (*packages_of_dpkg(DPKG_STATUS, distro=DISTRO), package("libstdc++6", "1:14.2~rc1-1", "gcc-14"))
    document = cyclonedx(Digest.of(b"x"), packages, name="n", version="v1", epoch=1)
    assert sorted(packages_of_sbom(document)) == sorted(packages)
    rpm = Package(name="bash", version="1:5.1-2.el9", arch="x86_64", kind="rpm", source="b.src.rpm", distro="rocky-9.4")
    assert packages_of_sbom(cyclonedx(Digest.of(b"x"), [rpm], name="n", version="v1", epoch=1)) == (rpm,)
    for other in ({}, {"bomFormat": "CycloneDX", "components": []}):
        with pytest.raises(AdvisoryError):
            packages_of_sbom(other)


@pytest.mark.parametrize(
    ("a", "b", "sign"),  # from rpm's own tests, rpmvercmp.at
    [
        ("1.0", "1.0", 0),
        ("1.0", "2.0", -1),
        ("2.0.1a", "2.0.1", 1),
        ("5.5p1", "5.5p10", -1),
        ("10xyz", "10.1xyz", -1),
        ("xyz10", "xyz10.1", -1),
        ("xyz.4", "8", -1),
        ("5.5p2", "5.6p1", -1),
        ("6.0.rc1", "6.0", 1),
        ("10b2", "10a1", 1),
        ("1.0aa", "1.0a", 1),
        ("10.0001", "10.1", 0),
        ("10.0001", "10.0039", -1),
        ("4.999.9", "5.0", -1),
        ("20101121", "20101122", -1),
        ("2_0", "2.0", 0),
        ("a+", "a_", 0),
        ("1.0~rc1", "1.0", -1),
        ("1.0~rc1", "1.0~rc2", -1),
        ("1.0~rc1~git123", "1.0~rc1", -1),
        ("1.0^", "1.0", 1),
        ("1.0^git1", "1.0^git2", -1),
        ("1.0^git1", "1.01", -1),
        ("1.0~rc1^git1", "1.0~rc1", 1),
        ("1.0^git1~pre", "1.0^git1", -1),
        ("0:1.0-1", "1.0-1", 0),
        ("1:1.0-1", "2.0-1", 1),
        ("1.0-2.el9_3", "1.0-2.el9", 1),
    ],
)
def test_versions_of_rpm(a: str, b: str, sign: int) -> None:
    assert compare("rpm", a, b) == sign
    assert compare("rpm", b, a) == -sign


@pytest.mark.parametrize("text", ["", "1 2", "ü", "no version at all"])
def test_no_version_at_all(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)version|invalid"):
        compare("deb", text, "1")
    with pytest.raises(ValueError, match="apk"):
        compare("apk", "1", "2")
