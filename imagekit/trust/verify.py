"""Verifying a published image from a cold start, as a consumer would who trusts a public key and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from imagekit.base.errors import RefusedError
from imagekit.oci.errors import MalformedError
from imagekit.oci.manifest import DEPTH, Descriptor, Manifest, require_finite
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.blobs import Meter
from imagekit.registry.client import Registry
from imagekit.trust.described import described, served
from imagekit.trust.evidence.identity import mistaken
from imagekit.trust.evidence.sbom import listed_components
from imagekit.trust.evidence.statement import CYCLONEDX_TYPE, SIGNATURE_TYPE, TEST_RESULT_TYPE
from imagekit.trust.evidence.testresult import judge
from imagekit.trust.finding import Finding, Requirement, finding
from imagekit.trust.proof import Proof, read_proof
from imagekit.trust.sign.interface import Verifier


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found of each requirement; `digest` is what the reference named when it was resolved, once."""

    reference: Reference
    digest: Digest | None
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """True when there are requirements and every one is satisfied."""
        return bool(self.findings) and all(item.satisfied for item in self.findings)

    @property
    def unsatisfied(self) -> tuple[Finding, ...]:
        """The requirements that do not hold."""
        return tuple(item for item in self.findings if not item.satisfied)

    def denied(self, reason: str) -> Verification:
        """The same with a denial that stands elsewhere; one that is told already is not told twice."""
        if not reason or any(item.requirement is Requirement.YANK for item in self.findings):
            return self
        return replace(self, findings=(*self.findings, finding(Requirement.YANK, False, reason)))


def verify_image(
    reference: Reference,
    client: Registry,
    verifier: Verifier,
    *,
    suite_hash: str | None = None,
    content: bool = True,
) -> Verification:
    """Resolve a reference once and check manifest, every blob, signature, test result and SBOM.

    `content=False` leaves the blobs unread; `suite_hash` demands the test result of that suite. Raises only when the
    registry cannot be asked; everything else is a requirement that is not satisfied.
    """
    name = reference.digest or reference.tag or "latest"
    try:
        image = client.manifest(reference.repository, name)
    except RefusedError as error:
        return Verification(reference, reference.digest, (finding(Requirement.MANIFEST, False, str(error)),))
    found = [finding(Requirement.MANIFEST, True, f"{image.digest}, hashed")]
    if content:
        found.append(_content(client, reference.repository, image))
    found += _evidence(client, reference.repository, image, verifier, suite_hash)
    found += _images(client, reference.repository, image, verifier, suite_hash)
    return Verification(reference, image.digest, tuple(found))


def verify_content(client: Registry, repository: str, digest: Digest) -> Finding:
    """Whether a repository's manifest and every blob of it hash to what they are named by."""
    try:
        image = client.manifest(repository, digest)
    except RefusedError as error:
        return finding(Requirement.CONTENT, False, str(error))
    return _content(client, repository, image)


def _content(client: Registry, repository: str, image: Manifest) -> Finding:
    """Every blob hashed, once each; all that do not match are named."""
    hashing = _Hashing(client, repository)
    try:
        bad = list(hashing.altered(image))
    except MalformedError as error:
        bad = [str(error)]
    if bad:
        return finding(Requirement.CONTENT, False, "; ".join(bad))
    blobs = hashing.blobs
    return finding(Requirement.CONTENT, True, f"{len(blobs)} blobs, {sum(blobs.values()) / 1e6:.1f} MB, all hashed")


@dataclass(slots=True)
class _Hashing:
    """A walk over an image: the manifests met, and the bytes of each blob; what is named twice is read once."""

    client: Registry
    repository: str
    manifests: set[Digest] = field(default_factory=set)
    blobs: dict[Digest, int] = field(default_factory=dict)

    def altered(self, image: Manifest, depth: int = DEPTH) -> Iterator[str]:
        """What does not match, a line each; raises `MalformedError` where the walk would have no end."""
        self.manifests.add(image.digest)
        require_finite(image.digest, len(self.manifests), depth)
        for child in image.children:
            if child.digest not in self.manifests:
                yield from self._child(child.digest, depth - 1)
        for blob in image.blobs:
            if blob.digest not in self.blobs:
                yield from self._blob(blob)

    def _child(self, digest: Digest, depth: int) -> Iterator[str]:
        try:
            inner = self.client.manifest(self.repository, digest)
        except RefusedError as error:
            yield str(error)
        else:
            yield from self.altered(inner, depth)

    def _blob(self, blob: Descriptor) -> Iterator[str]:
        self.blobs[blob.digest] = 0
        meter = Meter(f"hashing {blob.digest.short}", blob.size)
        try:
            for chunk in self.client.blob(self.repository, blob):
                self.blobs[blob.digest] += len(chunk)
                meter.add(len(chunk))
        except RefusedError as error:
            yield str(error)


def _evidence(
    client: Registry, repository: str, image: Manifest, verifier: Verifier, suite_hash: str | None
) -> list[Finding]:
    try:
        proof = read_proof(client, repository, image.digest, verifier)
        wrong = mistaken(proof.statements, described(client, repository, image))
    except RefusedError as error:
        proof, wrong = Proof((), (str(error),)), ""
    about = [finding(Requirement.IDENTITY, False, wrong)] if wrong else []
    return [*_denials(proof), *about, _signature(proof), _tests(proof, image.digest, suite_hash), _sbom(proof)]


def _images(
    client: Registry, repository: str, index: Manifest, verifier: Verifier, suite_hash: str | None
) -> list[Finding]:
    """The evidence of each image that an index serves; that of the index says nothing about them."""
    try:
        images = served(client, repository, index)
    except RefusedError as error:
        return [finding(Requirement.IMAGES, False, str(error))]
    return [
        replace(item, image=image.digest.short)
        for image in images
        for item in _evidence(client, repository, image, verifier, suite_hash)
    ]


def _denials(proof: Proof) -> list[Finding]:
    """What was yanked is not verified, whoever signed it besides; nothing is told of where nobody yanked."""
    return [finding(Requirement.YANK, False, denial.reported) for denial in proof.denials[:1]]


def _signature(proof: Proof) -> Finding:
    """A statement of cosign's signature type: an attestation by the right key is not a signature.

    `cosign verify` 3.1 exits 0 for an image that has no signature but any attestation by the key.
    """
    signed = proof.of_type(SIGNATURE_TYPE)
    if not signed:
        return finding(Requirement.SIGNATURE, False, _none("no signature by this key", proof))
    marks = ", ".join(f"{key}={value}" for key, value in sorted(signed[0].annotations.items()))
    return finding(Requirement.SIGNATURE, True, "by this key" + (f", {marks}" if marks else ""))


def _tests(proof: Proof, digest: Digest, suite_hash: str | None) -> Finding:
    """At least one test result, and none that says anything but passed."""
    results = proof.of_type(TEST_RESULT_TYPE)
    if not results:
        return finding(Requirement.TESTS, False, _none("no test result by this key", proof))
    verdicts = [judge(result, digest, suite_hash=suite_hash) for result in results]
    bad = [verdict.reason for verdict in verdicts if not verdict.passed]
    if bad:
        return finding(Requirement.TESTS, False, f"{len(bad)} of {len(results)} test results do not count: {bad[0]}")
    return finding(Requirement.TESTS, True, verdicts[-1].reason)


def _sbom(proof: Proof) -> Finding:
    documents = proof.of_type(CYCLONEDX_TYPE)
    if not documents:
        return finding(Requirement.SBOM, False, _none("no SBOM by this key", proof))
    count = max(listed_components(document) for document in documents)
    return finding(Requirement.SBOM, count > 0, f"{count} components listed")


def _none(what: str, proof: Proof) -> str:
    if proof.rejected:
        return f"{what}; {len(proof.rejected)} not taken, the first: {proof.rejected[0]}"
    kinds = sorted({statement.predicate_type for statement in proof.statements})
    return f"{what}; found only {', '.join(kinds)}" if kinds else f"{what}; nothing refers to this digest"
