"""Reading what was said of an image: every bundle among its referrers, split into good and not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagekit.base.errors import RefusedError
from imagekit.oci.errors import MalformedError
from imagekit.oci.manifest import Descriptor
from imagekit.oci.reference import BUNDLE_TYPE, Digest
from imagekit.registry.errors import MissingObjectError
from imagekit.trust.evidence.denial import Denial
from imagekit.trust.evidence.statement import Statement
from imagekit.trust.sign.interface import BUNDLE_LIMIT, Verifier

if TYPE_CHECKING:
    from imagekit.registry.client import Registry

MOST_REFERRERS = 10_000
# A manifest that holds a bundle has 1 KB.
_MOST_MANIFEST = 64 << 10
# All bundles about one digest that are read, the small ones first: an SBOM of a large image has 10 MB, everything else
# that is signed less than 200 KB, which 10,000 bundles of strangers may have each. One is in memory at a time.
_MOST_BYTES = 2 << 30
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
    Raises `MalformedError` when the list itself cannot be read.
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

    Anybody may attach anything, so nothing of it stops the rest: of `MOST_REFERRERS` manifests the bundles are read,
    the small ones first, up to 2 GiB; what is beyond comes as a problem, too. Raises `MalformedError` when the list
    itself cannot be read.
    """
    from imagekit.registry.referrers import list_referrers  # the client of registries is loaded when one is asked

    entries = list_referrers(client, repository, digest)
    layers: list[_Layer] = []
    for entry in _within(entries):
        try:
            layers += _layers(client, repository, digest, entry)
        except RefusedError as error:
            yield Found(entry.digest, b"", str(error))
    if len(entries) > MOST_REFERRERS:
        many = f"{len(entries)} manifests refer to {digest.short}, {MOST_REFERRERS} of them were read"
        yield Found(entries[len(entries) // 2].digest, b"", many)
    yield from _read(client, repository, digest, sorted(layers, key=lambda layer: layer.blob.size))


@dataclass(frozen=True, slots=True)
class _Layer:
    """A bundle that is to be read, in the manifest `referrer`."""

    referrer: Digest
    blob: Descriptor
    problem: str


def _within(entries: Sequence[Descriptor]) -> Sequence[Descriptor]:
    """As many as are read, from both ends: whoever floods a list does so before or after what was there."""
    half = MOST_REFERRERS // 2
    return entries if len(entries) <= MOST_REFERRERS else (*entries[:half], *entries[-half:])


def _read(client: Registry, repository: str, digest: Digest, layers: Sequence[_Layer]) -> Iterator[Found]:
    """The content of each, once; of what is larger than a bundle may be nothing is asked for."""
    left, seen = _MOST_BYTES, set()
    for number, layer in enumerate(layers):
        if (layer.blob.digest, layer.problem) in seen:
            continue
        seen.add((layer.blob.digest, layer.problem))
        left -= layer.blob.size if layer.blob.size <= BUNDLE_LIMIT else 0
        if left < 0:
            said = (
                f"the bundles about {digest.short} in {client.address}/{repository} have more than "
                f"{_MOST_BYTES >> 20} MiB together: the {len(layers) - number} largest were not read"
            )
            yield Found(layer.referrer, b"", said)
            return
        try:
            yield Found(layer.referrer, client.read_blob(repository, layer.blob, limit=BUNDLE_LIMIT), layer.problem)
        except RefusedError as error:
            yield Found(layer.referrer, b"", str(error))


def _layers(client: Registry, repository: str, digest: Digest, entry: Descriptor) -> list[_Layer]:
    """The bundles in one referrer: none, or one that counts; of several, or about another image, none counts.

    Only the manifest itself is asked for its type: cosign 3.1.1 writes a wrong one into the fallback index.
    """
    manifest = client.find_manifest(repository, entry.digest, limit=_MOST_MANIFEST)
    if manifest is None:
        raise MissingObjectError(f"{client.address}/{repository} has no manifest {entry.digest}, which its list names")
    layers = [blob for blob in manifest.blobs[1:] if blob.media_type.casefold().startswith(_BUNDLES)]
    regular = manifest.subject is not None and manifest.subject.digest == digest
    regular = regular and [blob.media_type for blob in layers] == [BUNDLE_TYPE]
    problem = "" if regular else "the manifest does not hold one bundle about this image"
    return [_Layer(entry.digest, blob, problem) for blob in layers[:_MOST_LAYERS]]
