"""A digest in a registry with all that its builder signs, by the key of a small project."""

from __future__ import annotations

from datetime import UTC, datetime

from imagekit.app.trusted import current_suites, keys_of
from imagekit.checks.outcome import SuiteResult
from imagekit.config.load import Project
from imagekit.oci.reference import Reference
from imagekit.registry.client import Registry
from imagekit.registry.referrers import attach_bundle
from imagekit.registry.transfer import push_image
from imagekit.trust.evidence.statement import signature_statement
from imagekit.trust.sign.interface import Signer
from tests.support.images import LayoutImage, check
from tests.support.release import provenance, result, statements

NAME = "small-node"


def release(
    project: Project,
    image: LayoutImage,
    client: Registry,
    *,
    version: str = "v1",
    name: str = NAME,
    signer: Signer | None = None,
) -> Reference:
    """Push the image and attach everything, signed by the project's own key; the reference is by digest."""
    signer, now = signer or keys_of(project).signer(), datetime.now(UTC)
    ran = SuiteResult(suite_hash=current_suites(project)[NAME], checks=(check("root"),), seconds=1.0)
    said = [
        signature_statement(image.digest, {"version": version}),
        result(image.digest, suite=ran, tested=now),
        statements(image.digest)["cyclonedx"][1],
        statements(image.digest)["spdx"][1],
        provenance(image.digest, embedded=True, image=name, version=version),
    ]
    reference = Reference(client.address, f"imagekit/{name}", None, image.digest)
    push_image(image.layout, image.digest, reference, client)
    subject = client.manifest(reference.repository, image.digest).descriptor
    for each in said:
        data = signer.sign(each.stamped(now))
        attach_bundle(client, reference.repository, subject, data, predicate_type=each.predicate_type)
    return reference
