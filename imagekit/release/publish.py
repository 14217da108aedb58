"""Publishing: evidence before the name; the tag comes last, so a crash leaves none and a rerun completes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from imagekit.base.errors import ConfigError, RefusedError
from imagekit.base.log import step
from imagekit.oci.manifest import Descriptor
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.errors import NotPassedError, VerificationError
from imagekit.registry.lock import locked, sweep_own
from imagekit.registry.referrers import attach_bundle, list_referrers
from imagekit.registry.tag import give_tag, require_free, require_version_name
from imagekit.registry.transfer import push_image
from imagekit.trust.evidence.sbom import listed_components
from imagekit.trust.evidence.statement import CYCLONEDX_TYPE, TEST_RESULT_TYPE, Statement, signature_statement
from imagekit.trust.evidence.testresult import judge
from imagekit.trust.proof import read_proof
from imagekit.trust.sign.checked import CheckedSigner
from imagekit.trust.sign.interface import Signer, Verifier
from imagekit.trust.verify import Verification, verify_image

Gate = Callable[[Registry, Reference], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A tag that names a proven digest; `no_op` when it did so before, `sent_bytes` counts blob content sent."""

    reference: Reference
    digest: Digest
    sent_bytes: int
    no_op: bool
    verification: Verification


def publish_image(
    layout: Path,
    digest: Digest,
    reference: Reference,
    *,
    evidence: Sequence[Statement],
    signer: Signer,
    verifier: Verifier,
    client: Registry,
    locks: Path,
    annotations: Mapping[str, str] | None = None,
    mount_from: str | None = None,
    gate: Gate | None = None,
) -> Published:
    """Publish an image of a layout with its evidence and signature, then give it its tag.

    `evidence` holds a test result that passed and an SBOM, both about `digest`; `annotations` go into the signature;
    `locks` is a folder of this host; `gate` is asked about the digest before it gets the tag, and raises when the
    answer is no. Order: lock, blobs, manifest, read back, evidence, signature, list and compare, full verify, gate,
    tag, read the tag back. A tag that names this digest already, with this very evidence, is a no-op. Everything is
    signed, and read back by `verifier`, before anything is sent.
    Raises `NotPassedError`, `TagExistsError`, `VerificationError`, `LockedError`, `SignatureError` for a signer whose
    word does not count, and what `Registry` and `gate` raise.
    """
    tag = _tag_of(reference)
    _require_proof(evidence, digest)
    target = Reference(reference.registry, reference.repository, tag, digest)
    statements = (*evidence, signature_statement(digest, annotations))
    done = _published_before(target, statements, client, verifier, gate)
    if done is not None:
        sweep_own(client, reference.repository, locks)  # the run that gave the tag may have been killed right after
        return done
    signed = _signed(client, target, statements, CheckedSigner(signer, verifier), verifier)
    with locked(client, reference.repository, locks) as lock:
        require_free(target, client)
        with step(f"Pushing {digest.short} to {reference.name}") as push:
            sent = push_image(layout, digest, reference, client, mount_from=mount_from).sent_bytes
            push.note = f"{sent / 1e6:.1f} MB sent"
        with step(f"Attaching {len(evidence)} statements and the signature") as attaching:
            added = _attach_all(client, reference.repository, digest, signed)
            _require_there(client, reference.repository, digest, statements, verifier)
            attaching.note = f"{added / 1e6:.1f} MB sent"
        with step("Verifying as a consumer would"):
            verification = _require_verified(target, client, verifier)
        _pass_gate(target, client, gate)
        with step(f"Tagging {target.tag}"):
            lock.require_still_mine()
            give_tag(target, client)
    return Published(reference=target, digest=digest, sent_bytes=sent + added, no_op=False, verification=verification)


def _tag_of(reference: Reference) -> str:
    if reference.tag is None:
        raise ConfigError(f"{reference} has no tag to publish under", hint="Write HOST/repository:tag.")
    require_version_name(reference.tag, reference.name)
    return reference.tag


def _require_proof(evidence: Sequence[Statement], digest: Digest) -> None:
    """What is published passed its tests; said before anything is sent."""
    results = [statement for statement in evidence if statement.predicate_type == TEST_RESULT_TYPE]
    if not results:
        raise NotPassedError(f"{digest} has no test result; it is not published", hint="Run `imagekit test` first.")
    for statement in results:
        verdict = judge(statement, digest)
        if not verdict.passed:
            raise NotPassedError(
                f"{digest} did not pass its tests; it is not published: {verdict.reason}",
                hint="`imagekit report` shows what failed.",
            )
    foreign = [statement for statement in evidence if statement.subject != digest]
    if foreign:
        raise NotPassedError(f"evidence about {foreign[0].subject.short} was given for {digest.short}")
    if not any(listed_components(item) for item in evidence if item.predicate_type == CYCLONEDX_TYPE):
        raise NotPassedError(f"{digest} has no SBOM that lists a component; it is not published")


def _published_before(
    target: Reference, statements: Sequence[Statement], client: Registry, verifier: Verifier, gate: Gate | None
) -> Published | None:
    """The earlier result when the tag names this digest and its evidence holds; None when there is work to do."""
    if not require_free(target, client) or target.digest is None:
        return None
    if {item.claim for item in statements} - _there(client, target.repository, target.digest, verifier):
        return None
    verification = verify_image(target, client, verifier, content=False)
    if not verification.passed:
        return None
    _pass_gate(target, client, gate)
    return Published(reference=target, digest=target.digest, sent_bytes=0, no_op=True, verification=verification)


def _signed(
    client: Registry, target: Reference, statements: Sequence[Statement], signer: Signer, verifier: Verifier
) -> list[tuple[Statement, bytes]]:
    """What is not attached yet, signed."""
    assert target.digest is not None
    there = _there(client, target.repository, target.digest, verifier)
    now = datetime.now(UTC)
    return [(each, signer.sign(each.stamped(now))) for each in statements if each.claim not in there]


def _attach_all(client: Registry, repository: str, digest: Digest, signed: Sequence[tuple[Statement, bytes]]) -> int:
    """Attach one after another; then all of it must be listed. Returns the bytes sent."""
    image = client.manifest(repository, digest).descriptor
    written: list[Descriptor] = []
    sent = 0
    for statement, bundle in signed:
        manifest, size = attach_bundle(client, repository, image, bundle, predicate_type=statement.predicate_type)
        written.append(manifest.descriptor)
        sent += size
    listed = {entry.digest for entry in list_referrers(client, repository, digest)}
    missing = [entry.digest.short for entry in written if entry.digest not in listed]
    if missing:
        raise VerificationError(
            f"{client.address}/{repository}: {len(missing)} of what was attached to {digest.short} is not listed",
            hint="Another writer was there at the same time; run the same command again. Nothing was tagged.",
        )
    return sent


def _require_there(
    client: Registry, repository: str, digest: Digest, statements: Sequence[Statement], verifier: Verifier
) -> None:
    unread = {statement.claim for statement in statements} - _there(client, repository, digest, verifier)
    if unread:
        raise VerificationError(
            f"{client.address}/{repository}: {len(unread)} statements about {digest.short} do not verify there",
            hint="Run the same command again; nothing was tagged.",
        )


def _pass_gate(target: Reference, client: Registry, gate: Gate | None) -> None:
    if gate is not None and target.digest is not None:
        with step("Asking the gate"):
            gate(client, target.at(target.digest))


def _there(client: Registry, repository: str, digest: Digest, verifier: Verifier) -> set[bytes]:
    """What is said there already; nothing where the list cannot be read, which attaching then replaces."""
    try:
        return {item.claim for item in read_proof(client, repository, digest, verifier).statements}
    except RefusedError:
        return set()


def _require_verified(target: Reference, client: Registry, verifier: Verifier) -> Verification:
    verification = verify_image(target, client, verifier)
    if not verification.passed:
        reasons = "; ".join(f"{item.name}: {item.reason}" for item in verification.unsatisfied)
        raise VerificationError(f"{target} does not verify after the push, so it gets no tag: {reasons}")
    return verification
