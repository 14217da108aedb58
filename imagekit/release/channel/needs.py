"""Which digests are needed now: by a channel, by a rollback that may come, by a node. Read anew at each question."""

from __future__ import annotations

from collections.abc import Iterable

from imagekit.base.errors import RefusedError
from imagekit.fleet.read import read_fleet_files
from imagekit.fleet.rolls import rolled_digests
from imagekit.oci.manifest import DEPTH, Manifest, require_finite
from imagekit.oci.reference import Digest
from imagekit.registry.client import Registry
from imagekit.release.channel.context import ReleaseContext
from imagekit.release.channel.history import prior, standing, yanked
from imagekit.release.ledger.chain import Chain


def needed(context: ReleaseContext, chain: Chain) -> dict[Digest, list[str]]:
    """Every digest that must stay, of whatever image, with the reasons.

    Channel files, records and fleet files all count, and where one of them cannot be read nothing is known to be
    unneeded: raises `ConfigError`, `LedgerError`.
    """
    found: dict[Digest, list[str]] = {}

    def add(digest: Digest, reason: str) -> None:
        if reason not in found.setdefault(digest, []):
            found[digest].append(reason)

    stands = standing(chain.records)
    for channel in dict.fromkeys([*context.repositories, *(name for name, _ in stands)]):
        for pointer in context.channel(channel).images.values():
            add(Digest(pointer.digest), f"named by channel {channel}")
            for blocked in pointer.blocked:
                add(Digest(blocked.digest), f"blocked by channel {channel}")
    gone = set(yanked(chain.records))
    for (channel, image), record in stands.items():
        add(record.digest, f"named by channel {channel}")
        before = prior(chain.records, channel, image, barred=gone)
        if before is not None:
            add(before.digest, f"where a rollback of {channel} goes")
    for name, node in read_fleet_files(context.store.root).nodes.items():
        if node.digest is not None:
            add(node.digest, f"run by {name}")
        if node.retiring is not None:
            add(Digest(node.retiring.digest), f"run by {name}, until it is drained")
    for digest in rolled_digests(context.store.root):
        add(digest, "where the last roll of the fleet goes, or would be taken back to")
    return found


def parts_of(client: Registry, repository: str, digests: Iterable[Digest]) -> set[Digest]:
    """Every manifest below these digests that the repository has: the images of an index.

    Raises `MalformedError` when a digest that is needed has no end.
    """
    found: set[Digest] = set()
    for digest in digests:
        top = client.find_manifest(repository, digest)
        if top is not None:
            _walk(client, repository, top, found, DEPTH)
    return found


def _walk(client: Registry, repository: str, manifest: Manifest, found: set[Digest], depth: int) -> None:
    require_finite(manifest.digest, len(found), depth)
    for child in manifest.children:
        if child.digest in found:
            continue
        found.add(child.digest)
        try:
            inner = client.find_manifest(repository, child.digest)
        except RefusedError:
            continue  # named by what is needed, so it stays, readable or not
        if inner is not None:
            _walk(client, repository, inner, found, depth - 1)
