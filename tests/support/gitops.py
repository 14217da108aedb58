"""What tests of the GitOps loop need: Flux's programs or the end of the test, and artifacts as Flux takes them."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from imagekit.base.process import ProgramMissingError
from imagekit.bench.fluxlab import find_controllers, own_crds
from imagekit.oci.manifest import Descriptor, image_manifest
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.referrers import attach_bundle
from imagekit.trust.evidence.statement import SIGNATURE_TYPE, signature_statement
from imagekit.trust.sign.keys import KeyStore

ARTIFACTS = "kairos/fleet"


def require_controllers() -> None:
    """Both programs of Flux, or the end of the test."""
    try:
        find_controllers()
    except ProgramMissingError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{error}: `bin/test nightly` builds them")


def flux_crds() -> list[dict[str, Any]]:
    """The CRDs of the Flux that the tests build."""
    return own_crds(Path(__file__).parent / "flux")


def artifact(client: Registry, tree: Mapping[str, bytes], tag: str) -> Descriptor:
    """A tree as Flux takes it: one layer, a packed tar."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path, data in tree.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    layer, config = packed.getvalue(), b"{}"
    for blob in (layer, config):
        client.put_blob(ARTIFACTS, BlobSource.of_bytes(blob))
    manifest = image_manifest(
        artifact_type="application/vnd.cncf.flux.config.v1+json",
        config=Descriptor.of(config, "application/vnd.cncf.flux.config.v1+json"),
        layers=(Descriptor.of(layer, "application/vnd.cncf.flux.content.v1.tar+gzip"),),
    )
    client.put_manifest(ARTIFACTS, manifest, tag=tag)
    return manifest.descriptor


def signed(client: Registry, subject: Descriptor, keys: KeyStore) -> None:
    """imagekit's signature of a digest, where cosign 3 looks for it."""
    bundle = keys.signer().sign(signature_statement(subject.digest))
    attach_bundle(client, ARTIFACTS, subject, bundle, predicate_type=SIGNATURE_TYPE)
