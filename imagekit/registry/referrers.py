"""What speaks of an image: listed by the referrers API, or by the fallback tag where a registry has no such API.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence

from imagekit.base.errors import RefusedError
from imagekit.oci.manifest import (
    EMPTY,
    MANIFEST_LIMIT,
    MEDIA_TYPE_EMPTY,
    Descriptor,
    Manifest,
    image_manifest,
    referrers_index,
)
from imagekit.oci.reference import BUNDLE_TYPE, Digest
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.errors import (
    AccessDeniedError,
    ReadOnlyError,
    RegistryError,
    RegistryUnavailableError,
    StorageFullError,
    VerificationError,
)
from imagekit.registry.listing import entries_of

logger = logging.getLogger(__name__)
_TRIES = 3
_LIST_BYTES = 1 << 10  # bytes of a list besides its entries
_WITHOUT = "an image index that lacks what was just attached"


def fallback_tag(digest: Digest) -> str:
    """The tag under which referrers are listed where the registry does not do it."""
    return f"sha256-{digest.hex}"


def list_referrers(client: Registry, repository: str, digest: Digest) -> tuple[Descriptor, ...]:
    """All manifests that have the digest as subject: of the registry's own list, and of the fallback tag beside it.

    Both are read, whatever the registry has: a list that stays empty is one of the manners of registries.
    """
    listed = client.listed_referrers(repository, digest).entries
    there = _digests(listed)
    return (*listed, *(entry for entry in _fallback(client, repository, digest) if entry.digest not in there))


def attach(client: Registry, repository: str, subject: Descriptor, manifest: Manifest) -> None:
    """Write a manifest that has `subject` as subject, and see that it is listed.

    Where the registry's answer is not an image index with the new entry, the entry goes into the fallback tag. That is
    a tag which any writer may overwrite (seen: of six written at once two remained), so the caller holds the
    repository's lock, and the list is compared afterwards. Raises `VerificationError` when an entry is missing then,
    `RegistryError` when the registry does not let the tag move.
    """
    before = _listed_before(client, repository, subject.digest)
    client.put_manifest(repository, manifest)
    if manifest.digest in before:
        return
    listed = client.listed_referrers(repository, subject.digest)
    dropped: set[Digest] = set()
    if manifest.digest not in _digests(listed.entries) and listed.whole:
        dropped = _write_fallback(client, repository, subject.digest, manifest, listed.manner or _WITHOUT)
    after = _digests(list_referrers(client, repository, subject.digest))
    lost = (before | {manifest.digest}) - after - dropped if listed.whole else set()
    if lost:
        raise VerificationError(
            f"{client.address}/{repository}: after attaching evidence to {subject.digest.short} the registry no longer "
            f"lists {', '.join(sorted(digest.short for digest in lost))}",
            hint="Another writer changed the list at the same time; run the same command again.",
        )


def _listed_before(client: Registry, repository: str, digest: Digest) -> set[Digest]:
    """What is listed; nothing where the list cannot be read, so that nobody can keep a denial from being attached."""
    try:
        return _digests(list_referrers(client, repository, digest))
    except RefusedError as error:
        logger.warning("what refers to %s in %s cannot be read: %s", digest.short, repository, error)
        return set()


def _fallback(client: Registry, repository: str, digest: Digest) -> tuple[Descriptor, ...]:
    tag = fallback_tag(digest)
    raw = client.find_raw(repository, tag)
    return entries_of(raw, f"the list {tag} of {client.address}/{repository}") if raw is not None else ()


def _write_fallback(client: Registry, repository: str, subject: Digest, manifest: Manifest, manner: str) -> set[Digest]:
    """Add an entry to the fallback tag, again where another writer came between; returns what had no space.

    A list that cannot be read is replaced. Of a full one the last entries go: a flood comes after what was there.
    """
    tag, found = fallback_tag(subject), ""
    for _ in range(_TRIES):
        kept = _readable(client, repository, subject)
        if manifest.digest in _digests(kept):
            return set()
        index, dropped = _list((manifest.listed, *kept), manifest.digest)
        try:
            _move(client, repository, index, tag, manner)
        except RegistryError:
            # Distribution refuses a list with an entry whose manifest is gone.
            there = tuple(each for each in kept if client.find_raw(repository, each.digest) is not None)
            if len(there) == len(kept):
                raise
            index, dropped = _list((manifest.listed, *there), manifest.digest)
            dropped |= _digests(kept) - _digests(there)
            _move(client, repository, index, tag, manner)
        now = client.find_raw(repository, tag)
        if now == index.raw:
            return dropped
        found = f"names {Digest.of(now)}, which another writer gave it" if now is not None else "is not there"
    raise VerificationError(
        f"{client.address}/{repository} cannot list what is attached to {subject.short}: asked for a list of referrers "
        f"this registry answers {manner}, and the tag {tag} {found} after it was written {_TRIES} times",
        hint="docs/registries.md says what a registry needs.",
    )


def _readable(client: Registry, repository: str, subject: Digest) -> tuple[Descriptor, ...]:
    try:
        return _fallback(client, repository, subject)
    except RefusedError:
        return ()


def _list(entries: Sequence[Descriptor], newest: Digest) -> tuple[Manifest, set[Digest]]:
    """The list of the entries, of which the first is the newest and stands last, and what was too much for 4 MiB."""
    first, *kept = entries
    left = MANIFEST_LIMIT - _LIST_BYTES - len(_json(first))
    fitting: list[Descriptor] = []
    for entry in kept:
        left -= len(_json(entry)) + 1
        if left < 0:
            break
        fitting.append(entry)
    index = referrers_index((*fitting, first))
    return index, _digests(kept) - _digests(fitting) - {newest}


def _json(entry: Descriptor) -> str:
    return json.dumps(entry.to_json(), separators=(",", ":"))


def _move(client: Registry, repository: str, index: Manifest, tag: str, manner: str) -> None:
    try:
        client.put_manifest(repository, index, tag)
    except (RegistryUnavailableError, StorageFullError, ReadOnlyError):
        raise
    except (RegistryError, AccessDeniedError) as error:
        raise RegistryError(
            f"{client.address}/{repository} cannot list what is attached: asked for a list of referrers this registry "
            f"answers {manner}, and it does not take the tag {tag}: {error}",
            hint="Leave tags `sha256-*` out of its rules of immutability (docs/registries.md).",
        ) from error


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
