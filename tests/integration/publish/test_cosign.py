"""Stock cosign 3 accepts what is written here, and what it writes is accepted here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagekit.base.errors import RefusedError
from imagekit.base.process import ProcessError
from imagekit.oci.reference import Reference
from imagekit.registry.client import Registry
from imagekit.registry.referrers import attach_bundle
from imagekit.registry.transfer import push_image
from imagekit.release.publish import publish_image
from imagekit.trust.evidence.statement import CYCLONEDX_TYPE, SIGNATURE_TYPE, TEST_RESULT_TYPE, signature_statement
from imagekit.trust.proof import read_proof
from imagekit.trust.sign.keys import PASSWORD_VARIABLE, KeyStore
from imagekit.trust.verify import verify_image
from tests.integration.conftest import PASSWORD, Program
from tests.support.images import LayoutImage, evidence_of, write_image

pytestmark = [pytest.mark.registry, pytest.mark.cosign]
OFFLINE = ("--insecure-ignore-tlog",)


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys", environ={PASSWORD_VARIABLE: PASSWORD})


@pytest.fixture
def image(tmp_path: Path) -> LayoutImage:
    return write_image(tmp_path / "oci")


def publish(image: LayoutImage, keys: KeyStore, client: Registry) -> str:
    done = publish_image(
        image.layout,
        image.digest,
        Reference(client.address, "imagekit/node", "v1"),
        evidence=evidence_of(image.digest),
        signer=keys.signer(),
        verifier=keys.verifier(),
        client=client,
        locks=image.layout.parent / "locks",
        annotations={"channel": "dev"},
    )
    return str(done.reference.at(done.digest))


def test_cosign_accepts_our_signature(
    image: LayoutImage, keys: KeyStore, client: Registry, cosign: Program, tmp_path: Path
) -> None:
    name = publish(image, keys, client)
    said = cosign("verify", "--key", keys.public_path, *OFFLINE, "-a", "channel=dev", name).stdout
    kinds = {entry["critical"]["type"] for entry in json.loads(said)}
    assert SIGNATURE_TYPE in kinds
    with pytest.raises(ProcessError):
        cosign("verify", "--key", keys.public_path, *OFFLINE, "-a", "channel=prod", name)
    other = KeyStore(tmp_path / "other", environ={PASSWORD_VARIABLE: PASSWORD})
    other.signer()
    with pytest.raises(ProcessError):
        cosign("verify", "--key", other.public_path, *OFFLINE, name)


@pytest.mark.parametrize("kind", [TEST_RESULT_TYPE, CYCLONEDX_TYPE])
def test_cosign_accepts_our_attestations(
    image: LayoutImage, keys: KeyStore, client: Registry, cosign: Program, kind: str
) -> None:
    name = publish(image, keys, client)
    said = cosign("verify-attestation", "--key", keys.public_path, *OFFLINE, "--type", kind, name).stdout
    assert json.loads(said.splitlines()[0])["payloadType"] == "application/vnd.in-toto+json"
    with pytest.raises(ProcessError):
        cosign("verify-attestation", "--key", keys.public_path, *OFFLINE, "--type", "vuln", name)


def test_cosign_opens_our_key_and_we_open_its(keys: KeyStore, cosign: Program, tmp_path: Path) -> None:
    keys.signer()
    assert cosign("public-key", "--key", keys.private_path).stdout == keys.public_path.read_text()
    folder = tmp_path / "theirs"
    folder.mkdir()
    cosign("generate-key-pair", "--output-key-prefix", folder / "cosign")
    theirs = KeyStore(folder, environ={PASSWORD_VARIABLE: PASSWORD})
    statement = signature_statement(write_image(tmp_path / "x").digest)
    assert theirs.verifier().verify(theirs.signer().sign(statement)) == statement


def test_we_accept_what_cosign_signs(
    image: LayoutImage, keys: KeyStore, client: Registry, cosign: Program, tmp_path: Path
) -> None:
    keys.signer()
    reference = Reference(client.address, "imagekit/node")
    push_image(image.layout, image.digest, reference, client)
    config, predicate = tmp_path / "signing.json", tmp_path / "predicate.json"
    none = ("--no-default-fulcio", "--no-default-oidc", "--no-default-rekor", "--no-default-tsa")
    cosign("signing-config", "create", *none, "--out", config)
    signing = ("--yes", "--key", keys.private_path, "--signing-config", config)
    for statement in evidence_of(image.digest):
        predicate.write_text(json.dumps(statement.predicate))
        cosign(
            "attest",
            *signing,
            "--type",
            statement.predicate_type,
            "--predicate",
            predicate,
            str(reference.at(image.digest)),
        )
    cosign("sign", *signing, str(reference.at(image.digest)))
    found = verify_image(reference.at(image.digest), client, keys.verifier())
    assert found.passed, found.unsatisfied


def test_attestation_alone_is_refused_though_cosign_accepts_it(
    image: LayoutImage, keys: KeyStore, client: Registry, cosign: Program
) -> None:
    """The reason why the verdict is never cosign's exit status."""
    reference = Reference(client.address, "imagekit/node", None, image.digest)
    push_image(image.layout, image.digest, reference, client)
    subject = client.manifest("imagekit/node", image.digest).descriptor
    for statement in evidence_of(image.digest):
        bundle = keys.signer().sign(statement)
        attach_bundle(client, "imagekit/node", subject, bundle, predicate_type=statement.predicate_type)
    cosign("verify", "--key", keys.public_path, *OFFLINE, str(reference), ok=(0, 10))
    found = verify_image(reference, client, keys.verifier())
    assert [item.name for item in found.unsatisfied] == ["signature"]


def test_bundle_of_cosign_by_another_key_counts_for_nothing(
    image: LayoutImage, keys: KeyStore, client: Registry, tmp_path: Path
) -> None:
    publish(image, keys, client)
    other = KeyStore(tmp_path / "other", environ={PASSWORD_VARIABLE: PASSWORD})
    other.signer()
    proof = read_proof(client, "imagekit/node", image.digest, other.verifier())
    assert proof.statements == ()
    assert len(proof.rejected) == 3
    with pytest.raises(RefusedError):
        other.verifier().verify(b"{}")
