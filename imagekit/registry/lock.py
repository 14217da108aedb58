"""One publisher at a time in a repository: a file lock on this host, and claim-then-list on the registry.

Open registries offer no conditional write, and check-push-reread loses (both of two pushers believed to have won in a
third to half of 200 rounds). Claim-then-list never had two winners in 120 rounds: write a claim under a tag of one's
own, list the tags, go on only when alone, else withdraw and try again later.

Claims are dated by the registry's clock, so that the clocks of publishers do not matter, and a holder lets go by its
own stop-watch before others may think that it is dead. The lock orders the honest: who may push and does not keep to
it can hold a repository for as long as he goes on making claims, but what he leaves is over after an hour.
"""

from __future__ import annotations

import logging
import secrets
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from imagekit.base.errors import ImagekitError, RefusedError
from imagekit.base.waiting import Deadline, DeadlineError, wait_until
from imagekit.oci.manifest import EMPTY, Manifest
from imagekit.registry.blobs import BlobSource
from imagekit.registry.claim import (
    CLAIM_LIMIT,
    CLAIM_PREFIX,
    LIFETIME,
    Claim,
    ClaimName,
    new_claim,
    new_name,
    parse_name,
    read_claim,
    released_claim,
)
from imagekit.registry.client import Registry
from imagekit.registry.errors import (
    AccessDeniedError,
    LockedError,
    ReadOnlyError,
    RegistryError,
    RegistryUnavailableError,
    StorageFullError,
)
from imagekit.registry.hostlock import file_locked, owner_of

logger = logging.getLogger(__name__)
_HELD = (LIFETIME - timedelta(minutes=10)).total_seconds()
_PAUSE = 0.25
_TRIES = 4
_SHOWN = 3  # blockers that are read and named; one is enough to wait
_UNDATED = 200  # names without a time are read up to this number: those of older versions, and whatever is like them
_DATED = 2000  # claims that may be there at once; more are no queue but a flood, and close until its hour is over
_SWEPT, _SWEPT_OF_OTHERS = 50, 10  # claims that one run clears away
_LASTING = (RegistryUnavailableError, StorageFullError, ReadOnlyError)


@dataclass(frozen=True, slots=True)
class Lock:
    """A held repository; `until` is when it must be let go, on this host's monotonic clock."""

    client: Registry
    repository: str
    tag: str
    claim: Manifest
    until: float

    def require_still_mine(self) -> None:
        """Ask before the step that cannot be taken back: raise `LockedError` when the claim is gone or too old."""
        found = self.client.find_manifest(self.repository, self.tag) if time.monotonic() < self.until else None
        if found is None or found.digest != self.claim.digest:
            raise LockedError(
                f"the claim on {self.client.address}/{self.repository} was taken away while this publish ran, "
                f"or is older than {_HELD / 60:.0f} minutes",
                hint="Run the same command again; nothing was tagged, and what was sent is there.",
            )


@contextmanager
def locked(client: Registry, repository: str, folder: Path, *, seconds: float = 60.0) -> Iterator[Lock]:
    """Hold a repository against all other publishers, on this host and elsewhere.

    `folder` keeps the file locks of this host. Waits up to `seconds`; raises `LockedError` naming the holder.
    """
    deadline = Deadline.after(seconds)
    with file_locked(folder, f"{client.address}/{repository}", deadline):
        host = _Host(client, repository, owner_of(folder))
        host.sweep()
        held = host.claimed(deadline)
        try:
            yield held
        finally:
            host.release(held)


def sweep_own(client: Registry, repository: str, folder: Path) -> None:
    """Remove the claims that killed runs of this host left, unless another one runs just now."""
    try:
        with file_locked(folder, f"{client.address}/{repository}", Deadline.after(0)):
            _Host(client, repository, owner_of(folder)).sweep()
    except LockedError:
        return


@dataclass(slots=True)
class _Host:
    """This host at one repository, whose file lock it holds.

    `dismissed` are names that do not count for good: nobody honest gives a name twice.
    """

    client: Registry
    repository: str
    owner: str
    dismissed: set[str] = field(default_factory=set)

    @property
    def where(self) -> str:
        return f"{self.client.address}/{self.repository}"

    def claimed(self, deadline: Deadline) -> Lock:
        """Claim until alone.

        Distribution 2.8 refuses a claim (400) while another host writes the empty blob of a new repository for the
        first time: it writes that blob's link anew and reads it half-written. So a refused claim is tried again, a few
        times.
        """
        blockers: list[str] = []
        refused: list[RegistryError] = []

        def try_once() -> Lock | None:
            if blockers and secrets.randbelow(2):
                return None  # a coin decides who tries next, so that two do not meet for ever
            try:
                held = self._write()
            except RegistryError as error:
                refused.append(error)
                if isinstance(error, _LASTING) or len(refused) == _TRIES:
                    raise
                return None
            try:
                blockers[:] = self._blockers(held)
            except BaseException:
                self.release(held)
                raise
            if not blockers:
                return held
            self.release(held)
            return None

        try:
            return wait_until(try_once, deadline, what=f"another publisher of {self.where}", every=_PAUSE)
        except DeadlineError:
            if refused and not blockers:
                raise refused[-1] from None
            raise LockedError(
                f"{self.where} is claimed by another publisher: {'; '.join(blockers)}",
                hint="Wait for it. A claim that its publisher left behind is ignored an hour after it was made.",
            ) from None

    def _write(self) -> Lock:
        """Write a claim that is dated by the registry's clock."""
        until = time.monotonic() + _HELD
        _, now = self.client.tags_at(self.repository)
        tag = new_name(self.owner, now)
        self.client.put_blob(self.repository, BlobSource.of_bytes(EMPTY))
        claim = new_claim(tag, owner=self.owner, host=socket.gethostname(), now=now)
        self.client.put_manifest(self.repository, claim, tag)
        return Lock(self.client, self.repository, tag, claim, until)

    def _blockers(self, held: Lock) -> list[str]:
        """Who else claims the repository now; our own claim must be in the list, else the list lags."""
        tags, now = self.client.tags_at(self.repository)
        if held.tag not in tags:
            return ["the registry's tag list lags behind what was written"]
        names = [name for name in self._names(tags) if name.owner != self.owner and name.may_count(now)]
        dated = [name for name in names if name.created is not None]
        if len(dated) > _DATED:
            return [f"{len(dated)} names of claims that were made within the last hour, which are more than are read"]
        found: list[str] = []
        for name in (*dated, *self._undated(names)):
            claim = self._claim(name)
            if claim is not None and claim.counts(now):
                since = claim.created.isoformat(timespec="seconds") if claim.created else "?"
                found.append(f"host {claim.host} since {since} (tag {name.tag})")
            elif claim is not None:
                self.dismissed.add(name.tag)
            if len(found) == _SHOWN:
                break
        return found

    def _names(self, tags: Sequence[str]) -> list[ClaimName]:
        names = [parse_name(tag) for tag in tags if tag.startswith(CLAIM_PREFIX) and tag not in self.dismissed]
        return [name for name in names if name is not None]

    def _undated(self, names: Sequence[ClaimName]) -> list[ClaimName]:
        """Names as older versions gave them, which may be of any age."""
        undated = [name for name in names if name.created is None]
        if len(undated) > _UNDATED:
            logger.warning("%s has %d claims without a time, %d are read", self.where, len(undated), _UNDATED)
        return undated[:_UNDATED]

    def _claim(self, name: ClaimName) -> Claim | None:
        """The claim of a name; None when it is not there (yet), or when something else has taken its name."""
        manifest = self._manifest(name.tag)
        claim = read_claim(name, manifest) if manifest is not None else None
        if claim is None and manifest is not None:
            self.dismissed.add(name.tag)
        return claim

    def _manifest(self, tag: str) -> Manifest | None:
        """What a tag names; None for nothing, and for what is too large or too odd to be a claim."""
        try:
            return self.client.find_manifest(self.repository, tag, limit=CLAIM_LIMIT)
        except RefusedError:
            return None

    def sweep(self) -> None:
        """Remove what killed runs of this host left behind, and some of what others left that is over."""
        tags, now = self.client.tags_at(self.repository)
        names = self._names(tags)
        own = [name for name in names if name.owner == self.owner]
        others = [name for name in names if name.owner != self.owner and not (name.created and name.may_count(now))]
        for name in _some(own, _SWEPT):
            self._sweep(name, now, own=True)
        for name in _some(others, _SWEPT_OF_OTHERS):
            self._sweep(name, now, own=False)

    def _sweep(self, name: ClaimName, now: datetime, *, own: bool) -> None:
        """Remove one claim that is dead: of an earlier run of this host, whose lock we hold, or whose time is over.

        A name of nothing is that of a claim that was deleted (see `withdraw`), or of one that is just being written:
        only our own are known to be the former. It gets a claim again, to be deleted with it.
        """
        try:
            manifest = self.client.find_manifest(self.repository, name.tag, limit=CLAIM_LIMIT)
        except RefusedError:
            return
        if manifest is None and own:
            manifest = released_claim(name.tag)
            self.client.put_manifest(self.repository, manifest, name.tag)
        else:
            claim = read_claim(name, manifest) if manifest is not None else None
            if claim is None or claim.released or (not own and claim.counts(now)):
                return
        if manifest is not None:
            logger.info("removing the claim %s that an earlier run left in %s", name.tag, self.repository)
            self.withdraw(name.tag, manifest)

    def withdraw(self, tag: str, claim: Manifest) -> None:
        """Delete a claim, or say in its place that it is over where nothing can be deleted.

        Distribution 2.8 goes through all tags to remove those of a deleted manifest, and stops when another one
        vanishes just then: the name stays, of nothing. So it is looked for, and the deletion done again.
        """
        for _ in range(_TRIES):
            if not self._deleted(claim):
                self.client.put_manifest(self.repository, released_claim(tag), tag)
                return
            if tag not in self.client.tags(self.repository):
                return
            self.client.put_manifest(self.repository, claim, tag)
        logger.warning("the registry %s does not let go of the claim %s", self.where, tag)

    def _deleted(self, claim: Manifest) -> bool:
        """Whether the registry deletes, and lets this account do it."""
        try:
            return self.client.delete_manifest(self.repository, claim.digest)
        except AccessDeniedError:
            return False

    def release(self, held: Lock) -> None:
        """Withdraw the own claim, whatever happened while it was held."""
        try:
            self.withdraw(held.tag, held.claim)
        except ImagekitError as error:
            # The work itself is done or has failed with its own error; the next run removes what stays.
            logger.warning("the claim %s stays in %s: %s", held.tag, held.repository, error)


def _some(names: Sequence[ClaimName], count: int) -> Sequence[ClaimName]:
    """Not always the same ones where there are too many, so that nobody can stand before the rest."""
    return names if len(names) <= count else secrets.SystemRandom().sample(names, count)
