"""Predicates against their published specifications: SPDX, SLSA provenance and verification summary, test-result."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from imagekit.artifact.packagelist import Package, packages_of_dpkg
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.decisions import (
    Waiver,
    read_waiver,
    summarised_channel,
    summary_statement,
    waiver_statement,
)
from imagekit.trust.evidence.provenance import LOCAL_BUILDER, read_provenance
from imagekit.trust.evidence.spdx import listed_packages, spdx, spdx_statement
from imagekit.trust.evidence.statement import Statement, parse_statement
from imagekit.trust.evidence.testrun import read_run
from tests.support.images import DPKG_STATUS
from tests.support.release import DAY, DIGEST, NOW, SCENARIOS, SUITE, provenance, result, statements

# https://github.com/in-toto/attestation/blob/main/spec/v1/field_types.md#timestamp
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
URI = re.compile(r"[a-z][a-z0-9+.-]*:\S+")


def resource(entry: dict[str, Any]) -> bool:
    """https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md: one of three, digests in hex."""
    digests = entry.get("digest", {})
    known = {"sha256": 64, "gitCommit": 40}
    assert all(re.fullmatch(f"[0-9a-f]{{{known[name]}}}", value) for name, value in digests.items())
    assert all(isinstance(value, str) for value in entry.get("annotations", {}).values())
    return bool({"uri", "digest", "content"} & entry.keys()) and URI.fullmatch(entry.get("uri", "a:b")) is not None


def packages() -> tuple[Package, ...]:
    return packages_of_dpkg(DPKG_STATUS, distro="debian-13")


def document(listed: tuple[Package, ...]) -> dict[str, Any]:
    return spdx(DIGEST, listed, name="debian-node", version="v1", epoch=1_700_000_000)


def test_spdx_is_valid_and_the_same_in_any_order() -> None:
    made = document(packages())
    parsed = JsonLikeDictParser().parse(made)  # type: ignore[no-untyped-call]  # the library has no annotation there
    assert [str(message) for message in validate_full_spdx_document(parsed)] == []
    assert json.dumps(document(packages()[::-1])) == json.dumps(made)
    purls = [each["externalRefs"][0]["referenceLocator"] for each in made["packages"]]
    assert "pkg:deb/debian/g%2B%2B-14@14.2.0-19%2Bb1?arch=amd64&distro=debian-13" in purls
    assert made["creationInfo"]["created"] == "2023-11-14T22:13:20Z"


def test_spdx_ids_differ_where_names_look_alike() -> None:
    listed = tuple(Package(name=name, version="1", arch="amd64", kind="deb") for name in ("g++", "g--", "g..", "g+-"))
    ids = [each["SPDXID"] for each in document(listed)["packages"]]
    assert len(set(ids)) == 5


def test_spdx_counts_what_it_lists() -> None:
    assert listed_packages(spdx_statement(DIGEST, document(packages()))) == 3
    assert listed_packages(spdx_statement(DIGEST, document(()))) == 0
    assert listed_packages(spdx_statement(DIGEST, {"spdxVersion": "SPDX-2.3", "packages": "x"})) == 0


def test_provenance_has_what_slsa_asks_for() -> None:
    fields = provenance().predicate
    definition, run = fields["buildDefinition"], fields["runDetails"]
    assert URI.fullmatch(definition["buildType"])
    assert {"image", "plan", "version", "arguments"} <= definition["externalParameters"].keys()
    assert all(resource(entry) for entry in definition["resolvedDependencies"])
    names = [entry["name"] for entry in definition["resolvedDependencies"]]
    assert names == ["source", "base", "kairos-init", "images.lock"]
    assert run["builder"]["id"] == LOCAL_BUILDER
    assert TIMESTAMP.fullmatch(run["metadata"]["startedOn"])
    assert run["metadata"]["invocationId"]
    assert provenance().to_bytes() == provenance().to_bytes()


def test_provenance_reads_back() -> None:
    made = read_provenance(parse_statement(provenance(embedded=True, revision="a" * 40 + "-dirty").to_bytes()))
    assert made is not None
    assert (made.image, made.revision, made.dirty, made.embedded) == ("debian-node", "a" * 40, True, True)
    clean = read_provenance(provenance())
    assert clean is not None
    assert (clean.dirty, clean.embedded) == (False, False)


@pytest.mark.parametrize("spoil", ["buildDefinition", "runDetails"])
def test_half_a_provenance_is_none(spoil: str) -> None:
    whole = provenance()
    half = {key: value for key, value in whole.predicate.items() if key != spoil}
    assert read_provenance(Statement(subject=DIGEST, predicate_type=whole.predicate_type, predicate=half)) is None


def test_verification_summary_has_what_slsa_asks_for() -> None:
    made = summary_statement(
        DIGEST,
        channel="prod",
        resource="oci://registry.example/prod/node",
        policy=Digest.of(b"policy"),
        at=NOW,
        inputs=[("oci://registry.example/node", Digest.of(b"one"))],
        version="0.1.0",
        level=1,
    )
    fields = made.predicate
    assert URI.fullmatch(fields["verifier"]["id"])
    assert TIMESTAMP.fullmatch(fields["timeVerified"])
    assert fields["resourceUri"] == "oci://registry.example/prod/node"
    assert resource(fields["policy"])
    assert "uri" in fields["policy"]
    assert all(resource(entry) and "digest" in entry for entry in fields["inputAttestations"])
    assert fields["verificationResult"] == "PASSED"
    assert fields["verifiedLevels"] == ["SLSA_BUILD_LEVEL_1"]
    assert summarised_channel(made) == ("prod", NOW)


def test_test_result_has_what_in_toto_asks_for() -> None:
    fields = result().predicate
    assert fields["result"] in ("PASSED", "WARNED", "FAILED")
    assert all(resource(entry) for entry in fields["configuration"])
    assert fields["passedTests"] == ["base::root", "base::ssh", "scenario/install", "scenario/upgrade"]
    assert fields["failedTests"] == fields["warnedTests"] == []
    machine = next(entry for entry in fields["configuration"] if entry["name"] == "machine")["annotations"]
    assert {"accelerator", "firmware", "memoryMiB", "cpus", "bootPath"} <= machine.keys()


def test_test_result_reads_back() -> None:
    run = read_run(parse_statement(result().to_bytes()))
    assert (run.suite, run.boot_paths, run.tested) == (SUITE, ("direct", "live"), NOW - DAY)
    assert run.scenarios == dict.fromkeys(SCENARIOS, "passed")
    assert run.failures == {}
    assert run.flaw == ""


def test_waiver_reads_back() -> None:
    waiver = Waiver(
        digest=DIGEST, check="c", person="Ada", reason="r", expires=NOW + timedelta(days=1), channels=("prod",)
    )
    assert read_waiver(parse_statement(waiver_statement(waiver).to_bytes())) == waiver


def test_time_of_signing_is_no_part_of_what_is_said() -> None:
    for _, each in statements().values():
        one, other = each.stamped(NOW), each.stamped(NOW + DAY)
        assert one.claim == other.claim == each.claim
        assert one.to_bytes() != other.to_bytes()
        assert parse_statement(one.to_bytes()).signed_at == NOW


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-22", "2026-11-22T12:00:00", "٢٠٢٦-11-22T12:00:00Z"])
def test_time_without_a_zone_is_none(text: str) -> None:
    made = Statement(subject=DIGEST, predicate_type="x", predicate={}, annotations={"imagekit.signed": text})
    assert made.signed_at is None
    assert isinstance(made.stamped(NOW).signed_at, datetime)
