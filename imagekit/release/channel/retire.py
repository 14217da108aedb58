"""Carrying out retention: decided under the locks, recorded first, and only what is proven ours is removed.

A plan that was shown before decides nothing: between it and the removal somebody may roll back, pin a node or empty a
list of evidence. So the versions, the channel files, the fleet files and the ledger are read again while no other
decision and no other publisher can come between.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from imagekit.base.errors import RefusedError, ToolError
from imagekit.base.log import step
from imagekit.oci.errors import MalformedError
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.lock import Lock, locked
from imagekit.registry.referrers import fallback_tag
from imagekit.registry.tag import bury
from imagekit.release.channel.context import ReleaseContext, Signed
from imagekit.release.channel.history import yanked
from imagekit.release.channel.needs import needed, parts_of
from imagekit.release.channel.point import message_of
from imagekit.release.channel.retention import Fate, Version, plan_retention
from imagekit.release.channel.table import versions_in
from imagekit.release.ledger.record import Action
from imagekit.release.vouched import Referrers, vouched_referrers

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """A version that is gone from one repository, the record that says so, and what strangers had attached to it."""

    version: Version
    signed: Signed
    strangers: int


def retire(
    context: ReleaseContext,
    image: str,
    homes: Iterable[Reference],
    *,
    last: int,
    tell: Callable[[Fate], None] = lambda _: None,
) -> list[Retired]:
    """Remove every version that nothing needs, one after another; blobs go with the registry's own GC.

    `tell` is given the fate of every version, as decided under the locks, before it is carried out. Raises `ToolError`
    where the registry does not delete, and what the ledger and the registry raise; what was removed until then is
    recorded.
    """
    done: list[Retired] = []
    for home in dict.fromkeys(homes):
        with (
            context.store.locked(),
            context.registry(home.registry) as client,
            locked(client, home.repository, context.locks) as lock,
        ):
            done += _Repository(context, client, home, image, lock).retire(last, tell)
    return done


@dataclass(slots=True)
class _Repository:
    """One repository that is held, and whose ledger is held."""

    context: ReleaseContext
    client: Registry
    home: Reference
    image: str
    lock: Lock

    def retire(self, last: int, tell: Callable[[Fate], None]) -> Iterator[Retired]:
        self._bury_earlier()
        chain = self.context.chain()
        found = list(versions_in(self.context, self.client, self.home, set(yanked(chain.records))))
        fates = plan_retention(found, last=last, needed=self._needed())
        served = self._served(fates)
        for fate in fates:
            again = self._again(fate, served)
            tell(again)
            if not again.keep and again.version.digest is not None:
                yield self._remove(again, again.version.digest)

    def _needed(self) -> dict[Digest, list[str]]:
        """What must stay now, with the images that an index of it serves."""
        found = needed(self.context, self.context.chain())
        for part in parts_of(self.client, self.home.repository, list(found)):
            found.setdefault(part, []).append("part of an index that is needed")
        return found

    def _served(self, fates: Iterable[Fate]) -> set[Digest]:
        """What the indices that stay serve, for whatever reason they stay: it may look like a version by itself.

        Of what nobody vouches for only what can be walked: a stranger's index without an end stops nothing.
        """
        found: set[Digest] = set()
        for version in (fate.version for fate in fates if fate.keep and fate.version.digest is not None):
            try:
                found |= parts_of(self.client, self.home.repository, filter(None, [version.digest]))
            except MalformedError:
                if version.accepted:
                    raise
        return found

    def _again(self, fate: Fate, served: Set[Digest]) -> Fate:
        """The same fate, unless something needs the version by now, or its tag names something else."""
        digest = fate.version.digest
        if fate.keep or digest is None:
            return fate
        if digest in served:
            return Fate(version=fate.version, keep=True, why="part of an index that is kept")
        reasons = self._needed().get(digest)
        if reasons:
            return Fate(version=fate.version, keep=True, why=", ".join(reasons[:3]))
        if self.client.resolve(fate.version.reference) != digest:
            return Fate(version=fate.version, keep=True, why="its tag was moved meanwhile")
        return fate

    def _remove(self, fate: Fate, digest: Digest) -> Retired:
        version, needed = fate.version, set(self._needed())
        target = version.reference.at(digest)
        attached = self._attached(digest)
        doomed = [digest, *attached.ours]
        if kept := [each for each in doomed if each in needed]:
            raise MalformedError(
                f"{version.reference}: {kept[0]} is needed, and would go with it", hint="Nothing of it was removed."
            )
        signed = self.context.record(
            self.context.chain(),
            Action.RETIRE,
            target,
            image=self.image,
            version=str(version.reference.tag),
            reason=fate.why,
        )
        self.context.write(signed, None, message_of(signed.record))
        with step(f"Removing {version.reference}") as removing:
            self.lock.require_still_mine()
            lists = list(self._lists(attached.subjects, set(doomed), needed))
            # The image first, so that at no moment an image is there without its evidence.
            for each in [*doomed, *lists]:
                self._delete(each, version.reference)
            bury(Reference(target.registry, target.repository, version.reference.tag, digest), self.client)
            removing.note = f"with {len(attached.ours)} that referred to it; {attached.strangers} by others are left"
        return Retired(version=version, signed=signed, strangers=attached.strangers)

    def _attached(self, digest: Digest) -> Referrers:
        """What of ours refers to an image; where its list cannot be read nothing is known, and nothing of it goes."""
        try:
            return vouched_referrers(self.client, self.home.repository, digest, self.context.vouches)
        except RefusedError as error:
            logger.warning("what refers to %s in %s is left: %s", digest.short, self.home.name, error)
            return Referrers(image=digest, evidence=(), disks=(), strangers=0)

    def _delete(self, digest: Digest, reference: Reference) -> None:
        if not self.client.delete_manifest(self.home.repository, digest):
            raise ToolError(
                f"registry {self.client.address} does not delete manifests; {reference} is still there",
                hint="Allow deletion in the registry (distribution: storage.delete.enabled), or use its own retention.",
            )

    def _lists(self, subjects: Sequence[Digest], gone: Set[Digest], needed: Set[Digest]) -> Iterator[Digest]:
        """The lists that hold nothing but what is gone; anybody may let their tags name something else."""
        for subject in subjects:
            tag = fallback_tag(subject)
            try:
                found = self.client.find_manifest(self.home.repository, tag)
            except RefusedError:
                continue
            inner = {each.digest for each in found.children} if found is not None and not found.blobs else set()
            if found is not None and inner and inner <= gone and found.subject is None and found.digest not in needed:
                yield found.digest

    def _bury_earlier(self) -> None:
        """Give tombstones to versions whose removal was recorded, and interrupted before the tag had one."""
        there = set(self.client.tags(self.home.repository))
        for record in self.context.chain().records:
            where = Reference.parse(record.reference) if record.action is Action.RETIRE else None
            if where is None or where.name != self.home.name or record.version in there:
                continue
            bury(Reference(where.registry, where.repository, record.version, record.digest), self.client)
