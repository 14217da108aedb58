"""What there is: every version of an image, where it is, which channels point at it and who runs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from imagekit.base.errors import RefusedError
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.tag import is_reserved
from imagekit.release.channel.desk import Desk
from imagekit.release.channel.fleet import Node, runners
from imagekit.release.channel.history import yanked
from imagekit.release.channel.retention import Version

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


def versions(desk: Desk, homes: Sequence[Reference]) -> list[Version]:
    """Every version tag of some repositories; `good` by signature, content left unread."""
    found: list[Version] = []
    gone = set(yanked(desk.chain().records))
    for home in homes:
        with desk.registry(home.registry) as client:
            found += _versions(desk, client, home, gone)
    return found


def table(desk: Desk, image: str, homes: Sequence[Reference], nodes: Mapping[str, Node]) -> list[Row]:
    """One row a digest, newest first."""
    found = versions(desk, homes)
    withdrawn = yanked(desk.chain().records)
    rows = [_row(desk, image, digest, found, withdrawn, nodes) for digest in {item.digest for item in found}]
    return sorted(rows, key=lambda row: (row.created, row.version), reverse=True)


def _row(
    desk: Desk,
    image: str,
    digest: Digest,
    found: Sequence[Version],
    withdrawn: Mapping[Digest, object],
    nodes: Mapping[str, Node],
) -> Row:
    own = [item for item in found if item.digest == digest]
    channels = {name for name in desk.repositories if _points(desk, name, image, digest)}
    evidence = "yanked" if digest in withdrawn else "good" if all(item.good for item in own) else "NOT GOOD"
    return Row(
        version=str(own[0].reference.tag),
        digest=digest,
        created=max(item.created for item in own),
        places=tuple(dict.fromkeys(item.reference.name for item in own)),
        channels=tuple(name for name in desk.repositories if name in channels),
        evidence=evidence,
        run_by=tuple(runners(nodes, image, digest, channels)),
    )


def _points(desk: Desk, channel: str, image: str, digest: Digest) -> bool:
    pointer = desk.channel(channel).images.get(image)
    return pointer is not None and pointer.digest == str(digest)


def _versions(desk: Desk, client: Registry, home: Reference, gone: set[Digest]) -> Iterator[Version]:
    for tag in client.tags(home.repository):
        if is_reserved(tag):
            continue
        reference = home.tagged(tag)
        digest = client.resolve(reference)
        if digest is None:
            continue
        yield Version(
            reference=reference,
            digest=digest,
            created=_created(client, home.repository, digest),
            good=digest not in gone and desk.vouched(client, reference.at(digest)),
        )


def _created(client: Registry, repository: str, digest: Digest) -> datetime:
    """When the sources of a version are dated, by its own label; 1970 when it does not say."""
    try:
        found = datetime.fromisoformat(client.labels(repository, digest).get(CREATED_LABEL, ""))
    except (ValueError, RefusedError):
        return _BEGINNING
    return found if found.tzinfo else found.replace(tzinfo=UTC)
