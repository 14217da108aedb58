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
from imagekit.trust.evidence.statement import Statement
from imagekit.trust.sign.interface import BUNDLE_LIMIT, Verifier

_MOST_REFERRERS = 200
# All bundles about one digest; an SBOM of a large image has 10 MB, and what is signed stays in memory meanwhile.
_MOST_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """A bundle that `referrer` (a manifest) holds; `problem` says why its bytes could not be had."""

    referrer: Digest
    bundle: bytes
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """Statements about one digest whose signature is good, and one line for each bundle that was not taken."""

    statements: tuple[Statement, ...]
    rejected: tuple[str, ...]

    def of_type(self, predicate_type: str) -> tuple[Statement, ...]:
        """The statements of one predicate type."""
        return tuple(item for item in self.statements if item.predicate_type == predicate_type)


def read_proof(client: Registry, repository: str, digest: Digest, verifier: Verifier) -> Proof:
    """Fetch and verify every bundle that refers to a digest.

    A bundle by another key, about another digest, or damaged counts for nothing; it is listed with the reason.
    Raises `MalformedError` when the list itself cannot be read or names more than 200 referrers.
    """
    statements, rejected = [], []
    for found in read_bundles(client, repository, digest):
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
    return Proof(tuple(statements), tuple(rejected))


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
            bundle = _bundle(client, repository, digest, entry)
        except RefusedError as error:
            yield Found(entry.digest, b"", str(error))
        else:
            if bundle is not None:
                left -= len(bundle)
                if left < 0:
                    raise MalformedError(
                        f"the bundles about {digest.short} in {client.address}/{repository} have more than "
                        f"{_MOST_BYTES >> 20} MiB together",
                        hint="Somebody filled the repository with bundles; its administrator can tell who.",
                    )
                yield Found(entry.digest, bundle)


def _bundle(client: Registry, repository: str, digest: Digest, entry: Descriptor) -> bytes | None:
    """The bundle in one referrer; None when it holds none at all.

    Only the manifest itself is asked for its type: cosign 3.1.1 writes a wrong one into the fallback index.
    """
    manifest = client.manifest(repository, entry.digest)
    bundles = [blob for blob in manifest.blobs[1:] if blob.media_type == BUNDLE_TYPE]
    if not bundles:
        return None
    if manifest.subject is None or manifest.subject.digest != digest or len(bundles) != 1:
        raise MalformedError("the manifest does not hold one bundle about this image")
    return client.read_blob(repository, bundles[0], limit=BUNDLE_LIMIT)
