"""Evidence on real registries outlives those who write at once, and a garbage collection."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagekit.base.process import run
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.lock import locked
from imagekit.registry.referrers import attach_bundle
from imagekit.registry.transfer import push_image
from imagekit.release.publish import publish_image
from imagekit.trust.evidence.decisions import approval_statement
from imagekit.trust.proof import read_proof
from imagekit.trust.sign.native import NativeSigner, NativeVerifier
from imagekit.trust.verify import verify_image
from tests.support.dockerregistry import DockerRegistry
from tests.support.images import LayoutImage, evidence_of, fixed_key, write_image

pytestmark = [pytest.mark.registry, pytest.mark.attack]
REPOSITORY = "imagekit/node"
SIGNER, VERIFIER = NativeSigner(fixed_key()), NativeVerifier(fixed_key().public_key())


def approve(server: DockerRegistry, repository: str, digest: Digest, person: str, locks: Path) -> None:
    """What `imagekit approve` does on one host of many."""
    said = approval_statement(digest, channel="prod", person=person)
    with Registry(server.address) as client, locked(client, repository, locks, seconds=110):
        subject = client.manifest(repository, digest).descriptor
        attach_bundle(client, repository, subject, SIGNER.sign(said), predicate_type=said.predicate_type)


def check_writers(server: DockerRegistry, client: Registry, folder: Path, rounds: int) -> None:
    """Six people on three hosts approve at once, each time in a new repository; every approval is there afterwards."""
    for number in range(rounds):
        repository = f"{REPOSITORY}{number}"
        image = write_image(folder / f"oci{number}", (b"%d" % number * 100,))
        push_image(image.layout, image.digest, Reference(server.address, repository), client)
        people = [f"person {index}" for index in range(6)]
        with ThreadPoolExecutor(6) as pool:
            done = [
                pool.submit(approve, server, repository, image.digest, person, folder / f"host{index % 3}")
                for index, person in enumerate(people)
            ]
        for each in done:
            each.result()
        said = read_proof(client, repository, image.digest, VERIFIER).statements
        assert sorted(str(each.predicate["person"]) for each in said) == people


def test_what_six_write_at_once_is_all_there(server: DockerRegistry, client: Registry, tmp_path: Path) -> None:
    check_writers(server, client, tmp_path, 2)


@pytest.mark.nightly(minutes=2)
def test_what_six_write_at_once_is_all_there_in_each_of_20_rounds(
    server: DockerRegistry, client: Registry, tmp_path: Path
) -> None:
    check_writers(server, client, tmp_path, 20)


def publish(image: LayoutImage, client: Registry, tag: str = "v1") -> Reference:
    done = publish_image(
        image.layout,
        image.digest,
        Reference(client.address, REPOSITORY, tag),
        evidence=evidence_of(image.digest),
        signer=SIGNER,
        verifier=VERIFIER,
        client=client,
        locks=image.layout.parent / "locks",
    )
    return done.reference


def collect_garbage(server: DockerRegistry, *options: str) -> None:
    server.kill()
    run([server.program, "garbage-collect", *options, server.folder / "config.json"], timeout=60)
    server.start()


def test_evidence_outlives_a_garbage_collection(server: DockerRegistry, client: Registry, tmp_path: Path) -> None:
    reference = publish(write_image(tmp_path / "oci"), client)
    collect_garbage(server)
    assert verify_image(reference, client, VERIFIER).passed


def test_a_collection_of_what_has_no_tag_is_survived_or_found_out(
    server: DockerRegistry, client: Registry, tmp_path: Path
) -> None:
    """Distribution 3 keeps evidence; 2.8 deletes it (docs/registries.md), and then nothing verifies any more."""
    reference = publish(write_image(tmp_path / "oci"), client)
    collect_garbage(server, "--delete-untagged")
    found = verify_image(reference, client, VERIFIER)
    if server.program == "registry3":
        assert found.passed
    else:
        assert {"signature", "tests", "sbom"} <= {item.name for item in found.unsatisfied}


def test_an_untagged_half_push_is_collected_and_a_rerun_completes(
    server: DockerRegistry, client: Registry, tmp_path: Path
) -> None:
    publish(write_image(tmp_path / "other", (b"other",)), client, "v0")  # 2.8 collects only where there is a tag
    image = write_image(tmp_path / "oci")
    push_image(image.layout, image.digest, Reference(server.address, REPOSITORY), client)
    collect_garbage(server, "--delete-untagged")
    assert verify_image(publish(image, client), client, VERIFIER).passed
