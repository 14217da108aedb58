"""The rendered tree as an artifact: signed before its tag points at it, the same bytes for the same tree."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit.app.provisioning import inputs_of
from imagekit.app.treepush import LAYER_TYPE, packed, push_tree
from imagekit.base.errors import ConfigError
from imagekit.oci.reference import Digest
from imagekit.provision.render import render
from imagekit.release.diskartifact import is_signed
from imagekit.trust.sign.native import NativeSigner, NativeVerifier
from tests.support.fleetsite import FleetSite, open_fleet_site
from tests.support.images import fixed_key
from tests.support.registry import simulated_registry


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetSite]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    monkeypatch.setattr("imagekit.app.treepush.signer_of", lambda *_: NativeSigner(fixed_key()))
    with simulated_registry() as simulator:
        site = open_fleet_site(tmp_path, simulator)
        path = site.root / "fleet" / "site.yaml"
        told = f'  oci: {{url: "oci://{simulator.address}/fleet/tree"}}\n  git: '
        path.write_text(path.read_text().replace("  git: ", told))
        site.publish("v1", "prod")
        yield site


def test_what_is_pushed_is_what_is_rendered_and_it_is_signed(fleet: FleetSite) -> None:
    found = push_tree(fleet.project)
    assert found.digest is not None
    with fleet.release.registry(found.registry) as client:
        assert client.resolve(found.tagged("fleet")) == found.digest
        assert is_signed(client, found.repository, found.digest, NativeVerifier(fixed_key().public_key()))
        manifest = client.manifest(found.repository, found.digest)
        assert manifest.blobs[1].media_type == LAYER_TYPE
        data = b"".join(client.blob(found.repository, manifest.blobs[1]))
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as tar:
        held = {each.name: tar.extractfile(each).read() for each in tar}  # type: ignore[union-attr]
    assert held == render(inputs_of(fleet.project))
    assert push_tree(fleet.project) == found


def test_the_same_tree_is_packed_into_the_same_bytes() -> None:
    tree = {"b/a.yaml": b"x\n", "a.yaml": b"y\n"}
    assert packed(tree) == packed(dict(reversed(tree.items())))
    assert Digest.of(packed(tree)) != Digest.of(packed({**tree, "a.yaml": b"z\n"}))


@pytest.mark.attack
def test_without_a_signature_the_tag_does_not_move(fleet: FleetSite, monkeypatch: pytest.MonkeyPatch) -> None:
    first = push_tree(fleet.project)
    fleet.commit("another commit")
    monkeypatch.setattr("imagekit.app.treepush.attach_bundle", lambda *_args, **_named: None)
    with pytest.raises(Exception, match="no signature that verifies"):
        push_tree(fleet.project)
    with fleet.release.registry(first.registry) as client:
        assert client.resolve(first.tagged("fleet")) == first.digest


def test_without_a_place_nothing_is_pushed(fleet: FleetSite) -> None:
    path = fleet.root / "fleet" / "site.yaml"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "oci:" not in line))
    with pytest.raises(ConfigError, match=r"platform\.oci"):
        push_tree(fleet.project)
