"""From a verdict to a published tag: evidence made of the result file, signature, and the tag last."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imagekit import __version__
from imagekit.app.trusted import keys_of, publish_gate, signer_of, trust_of, waivers_for
from imagekit.artifact.packagelist import Package
from imagekit.base.errors import ConfigError
from imagekit.build.result import Build
from imagekit.config.load import Project
from imagekit.oci.reference import Digest, Reference
from imagekit.plan.model import Plan
from imagekit.report.result import EvidenceRow, ReleaseRow, RunResult
from imagekit.services.home import present
from imagekit.services.registry import registry as embedded_registry
from imagekit.trust.evidence.inventory import inventory_statement
from imagekit.trust.evidence.provenance import GITHUB_BUILDER, LOCAL_BUILDER, Invocation, provenance_statement
from imagekit.trust.evidence.sbom import cyclonedx, sbom_statement
from imagekit.trust.evidence.spdx import spdx, spdx_statement
from imagekit.trust.evidence.testresult import result_statement

if TYPE_CHECKING:
    from imagekit.registry.client import Registry
    from imagekit.release.publish import Published
    from imagekit.trust.evidence.statement import Statement
    from imagekit.trust.sign.interface import Signer

PREDICATE_ANNOTATION = "dev.sigstore.bundle.predicateType"


def reference_of(project: Project, image_name: str, version: str) -> Reference:
    """Where a version of an image is published."""
    return Reference(project.registry, f"{project.settings.repository}/{image_name}", version)


@contextmanager
def registry_client(project: Project, address: str) -> Iterator[Registry]:
    """A client for a registry; the embedded one is started when the address is its own and nothing answers there."""
    from imagekit.registry.client import Registry

    where = present(project.work, address)
    with embedded_at(project, where), Registry(where) as client:
        yield client


def require_reachable(project: Project) -> None:
    """Ask the registry that will be published to whether it answers, before an hour's work is done for it.

    The embedded one is started when it is needed. Raises `ConfigError` for an address that is not taken, and what
    `Registry.ping` raises.
    """
    from imagekit.registry.address import is_loopback, registry_place
    from imagekit.registry.client import Registry

    if is_loopback(registry_place(project.registry).host):
        return
    with Registry(project.registry) as client:
        client.ping()


def require_signer(project: Project) -> None:
    """Open the key that will sign what passes, before an hour's work is done for it, and see that its word counts.

    Of a key that the cosign program holds only what it signed tells whose it is; that is read back at publishing.
    Raises `ConfigError`, and what `signer_of` does.
    """
    from imagekit.trust.gate.policy import PUBLISH
    from imagekit.trust.sign.cosign import CosignSigner
    from imagekit.trust.sign.trust import TRUST_FILE, standing
    from imagekit.trust.sign.trustfile import Purpose

    signer = signer_of(project, Purpose.BUILD, channels=[PUBLISH])
    if isinstance(signer, CosignSigner):
        return
    held = [each.key for each in trust_of(project).holders if each.material == signer.label]
    now = datetime.now(UTC)
    if not any(Purpose.BUILD in key.purposes and key.serves(PUBLISH) and not standing(key, now)[0] for key in held):
        public = keys_of(project).public_path.relative_to(project.root)
        raise ConfigError(
            f"{TRUST_FILE} trusts no key of this clone to build: nothing that is made here could be published",
            hint=f"`imagekit keys list` shows who may what. For this clone's own key, after a review: "
            f"imagekit keys trust project {public} --purpose build --purpose promote",
        )


@contextmanager
def embedded_at(project: Project, address: str) -> Iterator[None]:
    """The project's embedded registry running for the block, when the address is its; any other is let be."""
    from contextlib import nullcontext

    from imagekit.registry.address import is_loopback, registry_place

    address = present(project.work, address)
    ours = address == project.registry and is_loopback(registry_place(address).host)
    with embedded_registry(project.work, address) if ours else nullcontext():
        yield


def statements(
    plan: Plan,
    image: Build,
    result: RunResult,
    packages: Sequence[Package],
    invocation: Invocation,
    waivers: Sequence[str] = (),
) -> tuple[Statement, ...]:
    """What is stated about the digest: how its checks ended, what is in it (in both formats), how it was made,
    and what it is.
    """
    from imagekit.app.diff import inventory_of_build

    assert result.suites is not None
    assert not result.suites.selection, "some of the checks prove nothing about an image"
    document = cyclonedx(image.digest, packages, name=plan.image, version=plan.version, epoch=plan.source.date)
    other = spdx(image.digest, packages, name=plan.image, version=plan.version, epoch=plan.source.date)
    return (
        result_statement(
            image.digest,
            result.suites,
            result.boots,
            harness_version=__version__,
            name=plan.image,
            scenarios=result.scenarios,
            tested=result.tested or result.started,
            waivers=waivers,
        ),
        sbom_statement(image.digest, document, name=plan.image),
        spdx_statement(image.digest, other, name=plan.image),
        provenance_statement(image.digest, plan, invocation, name=plan.image),
        inventory_statement(inventory_of_build(image), result.live, name=plan.image),
    )


def invocation_of(image: Build, environ: Mapping[str, str] = os.environ) -> Invocation:
    """The run that built an image: on GitHub Actions that job, else this machine at the time of the kept build."""
    built = (image.layout.parent / "build.json").stat().st_mtime
    started = datetime.fromtimestamp(int(built - image.seconds), UTC)
    versions = {"imagekit": __version__}
    if environ.get("GITHUB_ACTIONS") == "true":
        job = "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}/attempts/{GITHUB_RUN_ATTEMPT}"
        names = defaultdict(str, environ)
        return Invocation(builder=GITHUB_BUILDER, id=job.format_map(names), started=started, versions=versions)
    run_id = f"urn:imagekit:build:{image.plan_id[:12]}:{started:%Y%m%dT%H%M%SZ}"
    return Invocation(builder=LOCAL_BUILDER, id=run_id, started=started, versions=versions)


def publish(project: Project, plan: Plan, image: Build, result: RunResult, packages: Sequence[Package]) -> ReleaseRow:
    """Publish a tested digest under its version; raises what `publish_image` raises."""
    from imagekit.release.publish import publish_image
    from imagekit.trust.evidence.identity import IMAGE_ANNOTATION
    from imagekit.trust.gate.policy import PUBLISH
    from imagekit.trust.sign.trustfile import Purpose

    signer = signer_of(project, Purpose.BUILD, channels=[PUBLISH])
    target = reference_of(project, plan.image, plan.version)
    with registry_client(project, target.registry) as client:
        done = publish_image(
            image.layout,
            image.digest,
            target,
            evidence=statements(
                plan, image, result, packages, invocation_of(image), waivers_for(project, image.digest)
            ),
            signer=signer,
            verifier=trust_of(project).verifier(Purpose.BUILD, PUBLISH),
            client=client,
            locks=project.work / "locks",
            annotations={IMAGE_ANNOTATION: plan.image, "version": plan.version, "plan": plan.id},
            gate=publish_gate(project),
        )
        return _row(done, client, signer)


def _row(done: Published, client: Registry, signer: Signer) -> ReleaseRow:
    from imagekit.registry.referrers import list_referrers

    repository = done.reference.repository
    evidence = [
        EvidenceRow(kind=_kind(client, repository, entry.digest), digest=str(entry.digest), size=entry.size)
        for entry in list_referrers(client, repository, done.digest)
    ]
    return ReleaseRow(
        reference=f"{done.reference.name}:{done.reference.tag}",
        digest=str(done.digest),
        key_fingerprint=signer.label,
        evidence=tuple(evidence),
        already_there=done.no_op,
    )


def _kind(client: Registry, repository: str, digest: Digest) -> str:
    """The predicate type that a referrer says it holds; fallback indices leave out annotations."""
    found = client.manifest(repository, digest)
    return found.annotations.get(PREDICATE_ANNOTATION) or found.artifact_type or "unknown"
