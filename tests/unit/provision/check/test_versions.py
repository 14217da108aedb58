"""What a manifest claims about an image, against what is inside."""

import json
from typing import Any

import pytest

from imagekit.oci.reference import Digest
from imagekit.provision.check.check import lint_findings
from imagekit.provision.check.objects import Tree
from imagekit.provision.check.reading import read_text
from tests.support.manifests import good_objects

DIGEST = Digest("sha256:3f9c1a2b7d10e5c4a6b8d9f0123456789abcdef0123456789abcdef012345678")


def rules_for(objects: list[dict[str, Any]], **inside: str) -> set[str]:
    manifests = [read_text(json.dumps(each), "x.yaml")[0][0] for each in objects]
    tree = Tree(tuple(manifests), records={DIGEST: inside} if inside else {})
    return {each.rule.id for each in lint_findings(tree)}


def test_versions_that_agree() -> None:
    found = rules_for(good_objects(), KAIROS_VERSION="v1.4.2", k0s="v1.36.3+k0s.2")
    assert found & {"version-disagrees", "k0s-version-disagrees", "version-reused"} == set()


@pytest.mark.parametrize(
    ("inside", "rule"),
    [
        ({"KAIROS_VERSION": "v1.4.3"}, "version-disagrees"),
        ({"KAIROS_VERSION": "1.4.2-g0"}, "version-disagrees"),
        ({"k0s": "v1.36.4+k0s.0"}, "k0s-version-disagrees"),
    ],
)
def test_versions_that_do_not(inside: dict[str, str], rule: str) -> None:
    assert rule in rules_for(good_objects(), **inside)
    assert rule not in rules_for(good_objects())


def test_a_version_of_two_digests() -> None:
    objects = good_objects()
    other = next(each for each in objects if each["metadata"]["name"].startswith("node-vsphere"))
    said = other["metadata"]["annotations"]["imagekit.dev/oci-image"]
    other["metadata"]["annotations"]["imagekit.dev/oci-image"] = said[:-1] + "9"
    assert "version-reused" in rules_for(objects)


@pytest.mark.parametrize("change", [{"preInstalledK0s": False}, {"version": "v1.36.3-k0s.2"}])
def test_a_worker_that_downloads_or_is_of_the_other_form(change: dict[str, Any]) -> None:
    objects = good_objects()
    worker = next(each for each in objects if each["kind"] == "K0sWorkerConfig")
    worker["spec"] |= change
    assert rules_for(objects) & {"k0s-downloaded", "k0s-version-form"}
