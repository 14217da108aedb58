"""An image out of the company's registry, by the node's own trust, and none out of another's."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host

pytestmark = pytest.mark.runbook("ca-trust")
REGISTRY, IMAGE = "registry.imagekit.test", "demo/hello"
ASKED = (
    "curl -sS --fail --max-time 30 -H 'Accept: application/vnd.oci.image.manifest.v1+json' https://{server}/v2/{what}"
)


def test_an_image_comes_from_the_companys_registry(host: Host) -> None:
    """The node takes a manifest and its layer from a registry with a certificate of the corporate authority."""
    done = host.run(ASKED.format(server=REGISTRY, what=f"{IMAGE}/manifests/1") + " 2>&1")
    assert done.rc == 0, f"no manifest of {REGISTRY}/{IMAGE}:1: {done.stdout.strip()[-300:]}"
    digest = json.loads(done.stdout)["layers"][0]["digest"]
    blob = ASKED.format(server=REGISTRY, what=f"{IMAGE}/blobs/{digest}")
    said = host.run(f"{blob} | sha256sum").stdout.split()
    assert said[:1] == [digest.removeprefix("sha256:")], f"the layer that came is {said[:1]}, not {digest}"


def test_a_registry_of_an_unknown_authority_is_refused(host: Host) -> None:
    """The node takes nothing from a registry whose certificate is of an authority that nobody told it of."""
    done = host.run(ASKED.format(server=f"{REGISTRY}:8443", what="") + " 2>&1")
    assert done.rc == 60, f"curl ended with status {done.rc} and not 60 (certificate): {done.stdout.strip()[-300:]}"
