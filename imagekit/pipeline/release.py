"""From a verdict to a published tag: evidence made of the result file, signature, and the tag last."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imagekit import __version__
from imagekit.build.builder import Build, earlier_build
from imagekit.config.load import Project
from imagekit.evidence.sbom import cyclonedx, sbom_statement
from imagekit.evidence.testresult import result_statement
from imagekit.oci import Digest, Reference
from imagekit.packages import Package
from imagekit.pipeline.image import proven
from imagekit.pipeline.verdict import fullest_verdict
from imagekit.plan.model import Plan
from imagekit.plan.resolve import make_plan
from imagekit.report.result import EvidenceRow, ReleaseRow, RunResult
from imagekit.services.registry import registry as embedded_registry
from imagekit.vm.interface import Road

if TYPE_CHECKING:
    from imagekit.evidence.statement import Statement
    from imagekit.publish.publish import Published
    from imagekit.publish.registry import Registry
    from imagekit.sign.keys import KeyStore

PREDICATE_ANNOTATION = "dev.sigstore.bundle.predicateType"


def reference_of(project: Project, image_name: str, version: str) -> Reference:
    """Where a version of an image is published."""
    settings = project.settings
    return Reference(settings.registry, f"{settings.repository}/{image_name}", version)


@contextmanager
def registry_client(project: Project, address: str) -> Iterator[Registry]:
    """A client for a registry; the embedded one is started when the address is its own and nothing answers there."""
    from contextlib import ExitStack

    from imagekit.publish.address import is_loopback
    from imagekit.publish.registry import Registry

    host = address.rpartition(":")[0]
    with ExitStack() as stack:
        if address == project.settings.registry and is_loopback(host):
            stack.enter_context(embedded_registry(project.work, address))
        yield stack.enter_context(Registry(address))


def keys_of(project: Project) -> KeyStore:
    """The project's key pair, made on first use for the embedded default."""
    from imagekit.sign.keys import KeyStore

    return KeyStore(project.work / "keys")


def statements(plan: Plan, image: Build, result: RunResult, packages: Sequence[Package]) -> tuple[Statement, ...]:
    """What is stated about the digest: how its checks ended, and what is in it."""
    assert result.suites is not None
    document = cyclonedx(image.digest, packages, name=plan.image, version=plan.version, epoch=plan.source.date)
    return (
        result_statement(
            image.digest,
            result.suites,
            result.boots,
            harness_version=__version__,
            name=plan.image,
            scenarios=result.scenarios,
        ),
        sbom_statement(image.digest, document, name=plan.image),
    )


def publish(project: Project, plan: Plan, image: Build, result: RunResult, packages: Sequence[Package]) -> ReleaseRow:
    """Publish a tested digest under its version; raises what `publish_image` raises."""
    from imagekit.publish.publish import publish_image

    store = keys_of(project)
    signer = store.signer()
    target = reference_of(project, plan.image, plan.version)
    with registry_client(project, target.registry) as client:
        done = publish_image(
            image.layout,
            image.digest,
            target,
            evidence=statements(plan, image, result, packages),
            signer=signer,
            verifier=store.verifier(),
            client=client,
            locks=project.work / "locks",
            annotations={"version": plan.version, "plan": plan.id},
        )
        return _row(done, client, store)


def publish_tested(project: Project, image_name: str, roads: Sequence[Road]) -> ReleaseRow:
    """Publish an image that was built and passed before; raises `NotPassedError` when it was not."""
    from imagekit.publish.errors import NotPassedError

    plan = make_plan(project, image_name)
    image = earlier_build(project.work, plan)
    found = fullest_verdict(project, image_name, image.digest, roads) if image else None
    if image is None or found is None:
        raise NotPassedError(
            f"{image_name} {plan.version} has not passed its tests as it stands now; it is not published",
            hint=f"Run `imagekit run {image_name}`, which tests and publishes.",
        )
    return publish(project, plan, image, found, proven(project, plan, image))


def _row(done: Published, client: Registry, store: KeyStore) -> ReleaseRow:
    from imagekit.publish.referrers import list_referrers
    from imagekit.sign.native import key_hint, read_public_key

    key = read_public_key(store.public_path.read_bytes(), str(store.public_path))
    repository = done.reference.repository
    evidence = [
        EvidenceRow(kind=_kind(client, repository, entry.digest), digest=str(entry.digest), size=entry.size)
        for entry in list_referrers(client, repository, done.digest)
    ]
    return ReleaseRow(
        reference=f"{done.reference.name}:{done.reference.tag}",
        digest=str(done.digest),
        key_fingerprint=key_hint(key),
        evidence=tuple(evidence),
        already_there=done.no_op,
    )


def _kind(client: Registry, repository: str, digest: Digest) -> str:
    """The predicate type that a referrer says it holds; fallback indices leave out annotations."""
    document = json.loads(client.manifest(repository, digest).raw)
    return str(document.get("annotations", {}).get(PREDICATE_ANNOTATION, document.get("artifactType", "unknown")))
