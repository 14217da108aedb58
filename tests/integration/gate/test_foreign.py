"""All evidence is read and verified by stock cosign and oras, without imagekit; and cosign signs for the gate."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit.base.process import ProcessError
from imagekit.oci.reference import Reference
from imagekit.registry.client import Registry
from imagekit.registry.referrers import attach_bundle
from imagekit.registry.transfer import push_image
from imagekit.trust.evidence.decisions import Waiver, waiver_statement, yank_statement
from imagekit.trust.evidence.statement import SIGNATURE_TYPE, Statement
from imagekit.trust.gate.collect import collect
from imagekit.trust.gate.evaluate import evaluate
from imagekit.trust.sign.cosign import CosignSigner
from imagekit.trust.sign.keyfile import encrypted_key
from imagekit.trust.sign.keys import PASSWORD_VARIABLE
from imagekit.trust.sign.native import public_key_pem
from tests.integration.conftest import PASSWORD, Program
from tests.support.dockerregistry import DockerRegistry
from tests.support.images import LayoutImage, key, write_image
from tests.support.release import ADA, BOB, DAY, IMAGE, NOW, SUITE, bundle, dated, policy, statements, trust

pytestmark = [pytest.mark.registry, pytest.mark.cosign]
REPOSITORY = f"imagekit/{IMAGE}"
OFFLINE = ("--insecure-ignore-tlog",)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DockerRegistry]:
    with DockerRegistry(tmp_path / "registry") as running:
        yield running


@pytest.fixture
def client(server: DockerRegistry) -> Iterator[Registry]:
    with Registry(server.address) as made:
        yield made


@pytest.fixture
def image(tmp_path: Path) -> LayoutImage:
    return write_image(tmp_path / "oci")


def everything(image: LayoutImage) -> dict[str, tuple[str, Statement]]:
    """All types of statement that imagekit writes."""
    waived = Waiver(
        digest=image.digest,
        check="base::ssh",
        person=ADA,
        reason="ticket 42",
        expires=NOW + 7 * DAY,
        channels=("prod",),
    )
    return {
        **statements(image.digest),
        "waiver": ("ada", waiver_statement(waived)),
        "yank": ("promoter", yank_statement(image.digest, person=BOB, reason="CVE")),
    }


def put(client: Registry, image: LayoutImage, said: dict[str, tuple[str, bytes, str]]) -> str:
    """Push the image and attach these bundles (by whom, bundle, predicate type); returns it by digest."""
    reference = Reference(client.address, REPOSITORY, None, image.digest)
    push_image(image.layout, image.digest, reference, client)
    subject = client.manifest(REPOSITORY, image.digest).descriptor
    for _, data, kind in said.values():
        attach_bundle(client, REPOSITORY, subject, data, predicate_type=kind)
    return str(reference)


def test_cosign_and_oras_read_every_statement(
    image: LayoutImage, client: Registry, cosign: Program, oras: Program, tmp_path: Path
) -> None:
    said = everything(image)
    signed = {name: (by, bundle(by, each, at=dated(name)), each.predicate_type) for name, (by, each) in said.items()}
    name = put(client, image, signed)
    for by in ("ours", "promoter", "ada", "eve"):
        (tmp_path / f"{by}.pub").write_bytes(public_key_pem(key(by).public_key()))
    for by, _, kind in signed.values():
        if kind == SIGNATURE_TYPE or by == "bob":
            continue
        shown = cosign("verify-attestation", "--key", tmp_path / f"{by}.pub", *OFFLINE, "--type", kind, name).stdout
        payload = json.loads(base64.b64decode(json.loads(shown.splitlines()[0])["payload"]))
        assert payload["predicateType"] == kind
        with pytest.raises(ProcessError):
            cosign("verify-attestation", "--key", tmp_path / "eve.pub", *OFFLINE, "--type", kind, name)
    cosign("verify", "--key", tmp_path / "ours.pub", *OFFLINE, name)
    _read_by_oras(oras, name, {data for _, data, _ in signed.values()}, tmp_path)


def _read_by_oras(oras: Program, name: str, bundles: set[bytes], folder: Path) -> None:
    """Everything is discovered, and every bundle comes out byte for byte."""
    repository = name.partition("@")[0]
    listed = json.loads(oras("discover", "--plain-http", "--format", "json", name).stdout)
    entries = listed.get("referrers") or listed["manifests"]
    assert len(entries) == len(bundles)
    for number, entry in enumerate(entries):
        manifest = json.loads(oras("manifest", "fetch", "--plain-http", f"{repository}@{entry['digest']}").stdout)
        target, [layer] = folder / f"bundle{number}", manifest["layers"]
        oras("blob", "fetch", "--plain-http", "--output", target, f"{repository}@{layer['digest']}")
        bundles.discard(target.read_bytes())
    assert bundles == set()


def test_gate_opens_for_what_cosign_signed(
    image: LayoutImage, client: Registry, cosign: Program, tmp_path: Path
) -> None:
    """The build key is reached through the program alone: as it would be in a KMS."""
    program = os.environ.get("IMAGEKIT_COSIGN") or shutil.which("cosign")
    assert program is not None
    environ = {
        PASSWORD_VARIABLE: PASSWORD,
        "COSIGN_PASSWORD": "another, which imagekit's own variable overrides",
        "BUILD_KEY": encrypted_key(key("ours"), PASSWORD.encode()).decode(),
    }
    signer = CosignSigner("env://BUILD_KEY", program=(program,), environ=environ)
    signed = {}
    for name, (by, each) in statements(image.digest).items():
        at = dated(name)
        made = signer.sign(each.stamped(at)) if by == "ours" else bundle(by, each, at=at)
        signed[name] = (by, made, each.predicate_type)
    put(client, image, signed)
    held = collect(client, REPOSITORY, image.digest, trust(), suites={IMAGE: SUITE})
    decision = evaluate(policy(), "prod", held, NOW)
    assert decision.passed, decision.unsatisfied
