"""Reading what was said of an image: every bundle among its referrers, split into good and not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imagekit.base.errors import RefusedError
from imagekit.oci.errors import MalformedError
from imagekit.oci.manifest import Descriptor
from imagekit.oci.reference import BUNDLE_TYPE, Digest
from imagekit.registry.client import Registry
from imagekit.registry.referrers import list_referrers
from imagekit.trust.evidence.denial import Denial
from imagekit.trust.evidence.statement import Statement
from imagekit.trust.sign.interface import BUNDLE_LIMIT, Verifier

_MOST_REFERRERS = 200
# All bundles about one digest; an SBOM of a large image has 10 MB, and what is signed stays in memory meanwhile.
_MOST_BYTES = 512 << 20
# Every layer that cosign takes for a bundle, and no further letter case; others are of no bundle version known here.
_BUNDLES = "application/vnd.dev.sigstore.bundle"
_MOST_LAYERS = 4  # of one referrer; a proper one has one


@dataclass(frozen=True, slots=True)
class Found:
    """A bundle that `referrer` (a manifest) holds; with a `problem` it counts for nothing.

    It may be there all the same: a denial by somebody trusted stops the image, however it hangs at it.
    """

    referrer: Digest
    bundle: bytes
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """Statements about one digest whose signature is good, one line for each bundle that was not taken, and denials."""

    statements: tuple[Statement, ...]
    rejected: tuple[str, ...]
    denials: tuple[Denial, ...] = ()

    def of_type(self, predicate_type: str) -> tuple[Statement, ...]:
        """The statements of one predicate type."""
        return tuple(item for item in self.statements if item.predicate_type == predicate_type)


def read_proof(client: Registry, repository: str, digest: Digest, verifier: Verifier) -> Proof:
    """Fetch and verify every bundle that refers to a digest.

    A bundle by another key, about another digest, or damaged counts for nothing; it is listed with the reason.
    Raises `MalformedError` when the list itself cannot be read or names more than 200 referrers.
    """
    statements, rejected, denials = [], [], []
    for found in read_bundles(client, repository, digest):
        denial = verifier.denial(found.bundle) if found.bundle else None
        if denial is not None and denial.forbids(digest):
            denials.append(denial)
        try:
            if found.problem:
                raise MalformedError(found.problem)
            statement = verifier.verify(found.bundle)
            if statement.subject != digest:
                raise MalformedError(f"the statement speaks of {statement.subject.short}, another image")
        except RefusedError as error:
            rejected.append(f"{found.referrer.short}: {error}")
        else:
            statements.append(statement)
    return Proof(tuple(statements), tuple(rejected), tuple(sorted(denials, key=lambda each: bool(each.flaw))))


def read_bundles(client: Registry, repository: str, digest: Digest) -> Iterator[Found]:
    """Every bundle that refers to a digest, unverified; one that cannot be had comes with its `problem`.

    Raises `MalformedError` when the list itself cannot be read or names more than 200 referrers.
    """
    entries = list_referrers(client, repository, digest)
    if len(entries) > _MOST_REFERRERS:
        raise MalformedError(f"{len(entries)} manifests refer to {digest.short}, {_MOST_REFERRERS} are read at most")
    left = _MOST_BYTES
    for entry in entries:
        try:
            found = list(_bundles(client, repository, digest, entry))
        except RefusedError as error:
            found = [Found(entry.digest, b"", str(error))]
        for each in found:
            left -= len(each.bundle)
            if left < 0:
                raise MalformedError(
                    f"the bundles about {digest.short} in {client.address}/{repository} have more than "
                    f"{_MOST_BYTES >> 20} MiB together",
                    hint="Somebody filled the repository with bundles; its administrator can tell who.",
                )
            yield each


def _bundles(client: Registry, repository: str, digest: Digest, entry: Descriptor) -> Iterator[Found]:
    """The bundles in one referrer: none, or one that counts; of several, or about another image, none counts.

    Only the manifest itself is asked for its type: cosign 3.1.1 writes a wrong one into the fallback index.
    """
    manifest = client.manifest(repository, entry.digest)
    layers = [blob for blob in manifest.blobs[1:] if blob.media_type.casefold().startswith(_BUNDLES)]
    regular = manifest.subject is not None and manifest.subject.digest == digest
    regular = regular and [blob.media_type for blob in layers] == [BUNDLE_TYPE]
    problem = "" if regular else "the manifest does not hold one bundle about this image"
    for blob in layers[:_MOST_LAYERS]:
        try:
            yield Found(entry.digest, client.read_blob(repository, blob, limit=BUNDLE_LIMIT), problem)
        except RefusedError as error:
            yield Found(entry.digest, b"", str(error))
