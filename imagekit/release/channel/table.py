"""What there is: every version of an image, where it is, which channels point at it and who runs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime

from imagekit.base.errors import ConfigError, RefusedError
from imagekit.fleet.fleet import FleetNode
from imagekit.fleet.resolve import runners
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.tag import is_reserved, is_tombstone
from imagekit.release.channel.context import ReleaseContext
from imagekit.release.channel.history import yanked
from imagekit.release.channel.promote import VERSION_LABEL
from imagekit.release.channel.retention import Standing, Version

CREATED_LABEL = "org.opencontainers.image.created"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One digest; `places` are the repositories that have it, `channels` those that point at it."""

    version: str
    digest: Digest
    created: datetime
    places: tuple[str, ...]
    channels: tuple[str, ...]
    evidence: str
    run_by: tuple[str, ...]


def versions(context: ReleaseContext, homes: Sequence[Reference]) -> list[Version]:
    """Every version tag of some repositories, with what is known of it by signature; content is left unread."""
    found: list[Version] = []
    gone = set(yanked(context.chain().records))
    for home in homes:
        with context.registry(home.registry) as client:
            found += versions_in(context, client, home, gone)
    return found


def table(context: ReleaseContext, image: str, homes: Sequence[Reference], nodes: Mapping[str, FleetNode]) -> list[Row]:
    """One row a digest, newest first."""
    found = versions(context, homes)
    withdrawn = yanked(context.chain().records)
    digests = {item.digest for item in found if item.digest is not None}
    rows = [_row(context, image, digest, found, withdrawn, nodes) for digest in digests]
    return sorted(rows, key=lambda row: (row.created, row.version), reverse=True)


def _row(
    context: ReleaseContext,
    image: str,
    digest: Digest,
    found: Sequence[Version],
    withdrawn: Mapping[Digest, object],
    nodes: Mapping[str, FleetNode],
) -> Row:
    own = [item for item in found if item.digest == digest]
    channels = {name for name in context.repositories if _points(context, name, image, digest)}
    evidence = "yanked" if digest in withdrawn else "accepted" if all(item.accepted for item in own) else "NOT ACCEPTED"
    return Row(
        version=str(own[0].reference.tag),
        digest=digest,
        created=max(item.created for item in own),
        places=tuple(dict.fromkeys(item.reference.name for item in own)),
        channels=tuple(name for name in context.repositories if name in channels),
        evidence=evidence,
        run_by=tuple(runners(nodes, image, digest, channels)),
    )


def _points(context: ReleaseContext, channel: str, image: str, digest: Digest) -> bool:
    pointer = context.channel(channel).images.get(image)
    return pointer is not None and pointer.digest == str(digest)


def versions_in(context: ReleaseContext, client: Registry, home: Reference, gone: Set[Digest]) -> Iterator[Version]:
    """Every version tag of one repository; `gone` are the digests that the ledger withdrew.

    A tag that cannot be read is one of nothing that is known; it neither counts nor stops the others.
    """
    for tag in client.tags(home.repository):
        if is_reserved(tag):
            continue
        try:
            reference = home.tagged(tag)
        except ConfigError:
            continue  # no tag by the specification, so nothing that imagekit gave
        try:
            manifest = client.find_manifest(home.repository, tag)
        except RefusedError as error:
            yield _unread(reference, str(error))
            continue
        if manifest is not None and not is_tombstone(manifest, tag):
            yield _version(context, client, reference, manifest.digest, gone)


def _unread(reference: Reference, why: str) -> Version:
    return Version(reference=reference, digest=None, created=_BEGINNING, standing=Standing.UNPROVEN, note=why)


def _version(
    context: ReleaseContext, client: Registry, reference: Reference, digest: Digest, gone: Set[Digest]
) -> Version:
    try:
        labels = client.labels(reference.repository, digest)
    except RefusedError:
        labels = {}
    created = _created(labels)
    standing, note = Standing.UNPROVEN, ""
    if digest in gone:
        standing = Standing.DENIED
    elif context.vouched(client, reference.at(digest)):
        standing = Standing.ACCEPTED
        if created is None:
            standing, note = Standing.UNPROVEN, "it does not say when it was made"
        elif labels.get(VERSION_LABEL, "") != reference.tag:
            standing, note = Standing.FOREIGN_TAG, "the image says that it is another version than its tag"
    return Version(reference=reference, digest=digest, created=created or _BEGINNING, standing=standing, note=note)


def _created(labels: Mapping[str, str]) -> datetime | None:
    """When the sources of a version are dated, by its own label; None when it does not say."""
    try:
        found = datetime.fromisoformat(labels.get(CREATED_LABEL, ""))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
