"""What speaks of an image: listed by the referrers API, or by the fallback tag where a registry has no such API.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
"""

from __future__ import annotations

from collections.abc import Iterable

from imagekit.oci.manifest import EMPTY, MEDIA_TYPE_EMPTY, Descriptor, Manifest, image_index, image_manifest
from imagekit.oci.reference import BUNDLE_TYPE, Digest
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.errors import VerificationError


def fallback_tag(digest: Digest) -> str:
    """The tag under which referrers are listed where the registry does not do it."""
    return f"sha256-{digest.hex}"


def list_referrers(client: Registry, repository: str, digest: Digest) -> tuple[Descriptor, ...]:
    """All manifests that have the digest as subject, as the registry tells; none is no error."""
    listed = client.listed_referrers(repository, digest)
    if listed is not None:
        return listed
    index = client.find_manifest(repository, fallback_tag(digest))
    return index.children if index is not None else ()


def attach(client: Registry, repository: str, subject: Descriptor, manifest: Manifest) -> None:
    """Write a manifest that has `subject` as subject, and see that it is listed.

    On a registry without the referrers API the list is a tag that any writer may overwrite (seen: of six written at
    once two remained), so the caller holds the repository's lock, and the list is compared afterwards.
    Raises `VerificationError` when an entry is missing then.
    """
    before = list_referrers(client, repository, subject.digest)
    listed_by_registry = client.put_manifest(repository, manifest)
    if manifest.digest in _digests(before):
        return
    if not listed_by_registry and client.listed_referrers(repository, subject.digest) is None:
        client.put_manifest(repository, image_index((*before, manifest.descriptor)), fallback_tag(subject.digest))
    after = _digests(list_referrers(client, repository, subject.digest))
    lost = (_digests(before) | {manifest.digest}) - after
    if lost:
        raise VerificationError(
            f"{client.address}/{repository}: after attaching evidence to {subject.digest.short} the registry no longer "
            f"lists {', '.join(sorted(digest.short for digest in lost))}",
            hint="Another writer was there at the same time; run the same command again.",
        )


def attach_bundle(
    client: Registry, repository: str, subject: Descriptor, bundle: bytes, *, predicate_type: str
) -> tuple[Manifest, int]:
    """Attach a sigstore bundle the way cosign 3 does; returns the manifest and the bytes sent."""
    manifest = bundle_manifest(subject, bundle, predicate_type=predicate_type)
    sent = client.put_blob(repository, BlobSource.of_bytes(EMPTY))
    sent += client.put_blob(repository, BlobSource.of_bytes(bundle))
    attach(client, repository, subject, manifest)
    return manifest, sent


def bundle_manifest(subject: Descriptor, bundle: bytes, *, predicate_type: str) -> Manifest:
    """The manifest that makes a bundle a referrer; annotations as cosign 3.1 writes them, but no time."""
    return image_manifest(
        config=Descriptor.of(EMPTY, MEDIA_TYPE_EMPTY),
        layers=(Descriptor.of(bundle, BUNDLE_TYPE),),
        artifact_type=BUNDLE_TYPE,
        subject=subject,
        annotations={
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": predicate_type,
        },
    )


def _digests(entries: Iterable[Descriptor]) -> set[Digest]:
    return {entry.digest for entry in entries}
