"""One publisher at a time in a repository: a file lock on this host, and claim-then-list on the registry.

Open registries offer no conditional write, and check-push-reread loses (both of two pushers believed to have won in a
third to half of 200 rounds). Claim-then-list never had two winners in 120 rounds: write a claim under a tag of one's
own, list the tags, go on only when alone, else withdraw and try again later.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from imagekit.base.errors import ImagekitError
from imagekit.base.waiting import Deadline, DeadlineError, wait_until
from imagekit.oci.manifest import EMPTY, MEDIA_TYPE_EMPTY, Descriptor, Manifest, image_manifest
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.errors import (
    LockedError,
    ReadOnlyError,
    RegistryError,
    RegistryUnavailableError,
    StorageFullError,
)

logger = logging.getLogger(__name__)
CLAIM_PREFIX = "imagekit-claim-"
_CLAIM_TYPE = "application/vnd.imagekit.claim.v1"
_STALE = timedelta(hours=1)
_PAUSE = 0.25
_TRIES = 4
_LASTING = (RegistryUnavailableError, StorageFullError, ReadOnlyError)
_OWNER, _CREATED, _RELEASED = "imagekit.owner", "imagekit.created", "imagekit.released"


@dataclass(frozen=True, slots=True)
class Lock:
    """A held repository; `still_mine` is asked before the step that cannot be taken back."""

    client: Registry
    repository: str
    tag: str
    claim: Manifest

    def demand_still_mine(self) -> None:
        """Raise `LockedError` when somebody removed the claim meanwhile (one older than an hour may be removed)."""
        found = self.client.find_manifest(self.repository, self.tag)
        if found is None or found.digest != self.claim.digest:
            raise LockedError(
                f"the claim on {self.client.address}/{self.repository} was taken away while this publish ran",
                hint="Run the same command again; nothing was tagged.",
            )


@contextmanager
def locked(client: Registry, repository: str, folder: Path, *, seconds: float = 60.0) -> Iterator[Lock]:
    """Hold a repository against all other publishers, on this host and elsewhere.

    `folder` keeps the file locks of this host. Waits up to `seconds`; raises `LockedError` naming the holder.
    """
    deadline = Deadline.after(seconds)
    with _file_locked(folder, f"{client.address}/{repository}", deadline):
        owner = _owner(folder)
        _sweep(client, repository, owner)
        held = _claimed(client, repository, owner, deadline)
        try:
            yield held
        finally:
            _release(client, held)


def sweep_own(client: Registry, repository: str, folder: Path) -> None:
    """Remove the claims that killed runs of this host left, unless another one runs just now."""
    try:
        with _file_locked(folder, f"{client.address}/{repository}", Deadline.after(0)):
            _sweep(client, repository, _owner(folder))
    except LockedError:
        return


@contextmanager
def _file_locked(folder: Path, name: str, deadline: Deadline) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"publish-{sha256(name.encode()).hexdigest()[:16]}.lock"
    with path.open("a") as stream:
        try:
            wait_until(lambda: _try_flock(stream.fileno()), deadline, what=f"another publish to {name} on this host")
        except DeadlineError:
            raise LockedError(
                f"another process of this host publishes to {name}",
                hint=f"Wait for it; `fuser {path}` tells which one it is.",
            ) from None
        yield


def _try_flock(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(folder: Path) -> str:
    """A name for this lock folder: whoever holds its file lock knows that older claims of that name are dead."""
    path = folder / "owner"
    if not path.exists():
        temporary = folder / f".owner.{os.getpid()}"
        temporary.write_text(secrets.token_hex(6))
        temporary.replace(path)
    return path.read_text().strip()


def _claimed(client: Registry, repository: str, owner: str, deadline: Deadline) -> Lock:
    """Claim until alone.

    Distribution 2.8 refuses a claim (400) while another host writes the empty blob of a new repository for the first
    time: it writes that blob's link anew and reads it half-written. So a refused claim is tried again, a few times.
    """
    blockers: list[str] = []
    refused: list[RegistryError] = []

    def try_once() -> Lock | None:
        if blockers and secrets.randbelow(2):
            return None  # a coin decides who tries next, so that two do not meet for ever
        try:
            held = _write_claim(client, repository, owner)
        except RegistryError as error:
            refused.append(error)
            if isinstance(error, _LASTING) or len(refused) == _TRIES:
                raise
            return None
        try:
            blockers[:] = _others(client, held)
        except BaseException:
            _release(client, held)
            raise
        if not blockers:
            return held
        _release(client, held)
        return None

    try:
        return wait_until(try_once, deadline, what=f"another publisher of {client.address}/{repository}", every=_PAUSE)
    except DeadlineError:
        if refused and not blockers:
            raise refused[-1] from None
        raise LockedError(
            f"{client.address}/{repository} is claimed by another publisher: {'; '.join(blockers)}",
            hint="Wait for it. A claim that its publisher left behind is ignored an hour after it was made.",
        ) from None


def _write_claim(client: Registry, repository: str, owner: str) -> Lock:
    tag = f"{CLAIM_PREFIX}{owner}-{secrets.token_hex(4)}"
    created = datetime.now(UTC).isoformat(timespec="seconds")
    client.put_blob(repository, BlobSource.of_bytes(EMPTY))
    claim = _claim_manifest({_OWNER: owner, _CREATED: created, "imagekit.host": socket.gethostname(), "tag": tag})
    client.put_manifest(repository, claim, tag)
    return Lock(client, repository, tag, claim)


def _claim_manifest(annotations: dict[str, str]) -> Manifest:
    empty = Descriptor.of(EMPTY, MEDIA_TYPE_EMPTY)
    return image_manifest(config=empty, layers=(empty,), artifact_type=_CLAIM_TYPE, annotations=annotations)


def _others(client: Registry, held: Lock) -> list[str]:
    """Who else claims the repository now; our own claim must be in the list, else the list lags."""
    tags = [tag for tag in client.tags(held.repository) if tag.startswith(CLAIM_PREFIX)]
    if held.tag not in tags:
        return ["the registry's tag list lags behind what was written"]
    found = []
    for tag in tags:
        claim = client.find_manifest(held.repository, tag) if tag != held.tag else None
        if claim is not None and not _over(claim):
            host, since = claim.annotations.get("imagekit.host", "?"), claim.annotations.get(_CREATED, "?")
            found.append(f"host {host[:64]} since {since[:32]}")
    return found


def _over(claim: Manifest) -> bool:
    """Whether a claim was given back, is too old to be believed, or is none of ours."""
    if claim.annotations.get(_RELEASED):
        return True
    try:
        created = datetime.fromisoformat(claim.annotations.get(_CREATED, ""))
        return datetime.now(UTC) - created > _STALE
    except (ValueError, TypeError):
        return True


def _sweep(client: Registry, repository: str, owner: str) -> None:
    """Remove what killed runs of this host, and very old ones of others, left behind."""
    for tag in client.tags(repository):
        if not tag.startswith(CLAIM_PREFIX):
            continue
        claim = client.find_manifest(repository, tag)
        if claim is None:
            # The name of a claim that was deleted (see `_withdraw`), or of one that is just being written: only our own
            # are known to be the former, for we hold this host's lock.
            if not tag.startswith(f"{CLAIM_PREFIX}{owner}-"):
                continue
            claim = _claim_manifest({"tag": tag})
            client.put_manifest(repository, claim, tag)
        if claim.annotations.get(_OWNER) == owner or _over(claim):
            logger.info("removing the claim %s that an earlier run left in %s", tag, repository)
            _withdraw(client, repository, tag, claim)


def _withdraw(client: Registry, repository: str, tag: str, claim: Manifest) -> None:
    """Delete a claim, or say in its place that it is over where nothing can be deleted.

    Distribution 2.8 goes through all tags to remove those of a deleted manifest, and stops when another one vanishes
    just then: the name stays, of nothing. So it is looked for, and the deletion done again.
    """
    if claim.annotations.get(_RELEASED):
        return
    for _ in range(_TRIES):
        if not client.delete_manifest(repository, claim.digest):
            client.put_manifest(repository, _claim_manifest({_RELEASED: "yes", "tag": tag}), tag)
            return
        if tag not in client.tags(repository):
            return
        client.put_manifest(repository, claim, tag)
    logger.warning("the registry %s does not let go of the claim %s in %s", client.address, tag, repository)


def _release(client: Registry, held: Lock) -> None:
    """Withdraw the own claim, whatever happened while it was held."""
    try:
        _withdraw(client, held.repository, held.tag, held.claim)
    except ImagekitError as error:
        # The work itself is done or has failed with its own error; the next run removes what stays.
        logger.warning("the claim %s stays in %s: %s", held.tag, held.repository, error)
