"""Yanking: a signed denial that every later step honours, attached wherever the digest is and listed as a file.

The file is there because a registry may lose what refers to a digest, and git does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from imagekit.base.errors import ConfigError, RefusedError
from imagekit.base.log import step
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.errors import MissingObjectError
from imagekit.registry.lock import locked
from imagekit.registry.referrers import attach_bundle
from imagekit.release.channel.context import ReleaseContext, Signed
from imagekit.release.channel.errors import digest_of
from imagekit.release.channel.history import yanked
from imagekit.release.channel.model import Pointer
from imagekit.release.channel.point import message_of
from imagekit.release.channel.promote import VERSION_LABEL
from imagekit.release.ledger.record import Action
from imagekit.trust.evidence.decisions import YANK_TYPE, yank_statement
from imagekit.trust.gate.collect import YANKS
from imagekit.trust.proof import read_proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Yanked:
    """A withdrawn digest, where the denial is attached, and the channels that still point at it."""

    digest: Digest
    version: str
    attached: tuple[str, ...]
    pointing: tuple[tuple[str, Pointer], ...]
    signed: Signed | None = None
    commit: str = ""


def yank(context: ReleaseContext, target: Reference, *, image: str, reason: str, homes: Sequence[Reference]) -> Yanked:
    """Withdraw a digest for good. `homes` are all repositories where the image may be.

    Record and file come first, in one commit, so that a kill half-way leaves no repository where the digest is denied
    without a record; repeating it completes the rest. A ledger that does not verify does not stop it: the record says
    what was wrong. Raises `MissingObjectError`, `LedgerError`, `LedgerBusyError`
    and what the registry raises.
    """
    if not reason.strip():
        raise ConfigError("a yank needs a reason", hint="--reason TEXT; it goes into the ledger and to the digest.")
    with context.store.locked():
        chain, emergency = context.emergency_chain()
        with context.registry(target.registry) as client:
            digest = client.resolve(target)
            if digest is None:
                raise MissingObjectError(f"{target} is not there")
            version = client.labels(target.repository, digest).get(VERSION_LABEL, "")
        fixed, listed = target.at(digest), PurePosixPath(YANKS, f"{digest.hex}.json")
        kept = _denying(context, context.store.read(listed), digest)
        denial = kept or _lost(context, listed, digest) or _denial(context, image, digest, reason)
        signed, commit = None, ""
        if digest not in yanked(chain.vouched):  # in an emergency anybody may have left a record that does not count
            signed = context.record(
                chain, Action.YANK, fixed, image=image, version=version, reason=reason, emergency=emergency
            )
            with step(f"Recording decision {signed.record.sequence}"):
                commit = context.write(signed, None, message_of(signed.record), {listed: denial})
        elif kept is None:  # recorded, and the file was taken away or damaged since
            with step(f"Writing {listed} again"):
                commit = context.store.commit({listed: denial}, f"yank: {listed} again, which was lost")
        reached = [home for home in dict.fromkeys([*homes, target]) if _deny(context, home, digest, denial)]
    pointing = [(name, pointer) for name in context.repositories if (pointer := _pointer(context, name, image, digest))]
    return Yanked(
        digest=digest,
        version=version,
        attached=tuple(dict.fromkeys(home.name for home in reached)),
        pointing=tuple(pointing),
        signed=signed,
        commit=commit,
    )


def _denying(context: ReleaseContext, data: bytes | None, digest: Digest) -> bytes | None:
    """The bytes themselves where they are a denial of the digest that everybody takes."""
    found = context.verifier.denial(data) if data is not None else None
    return data if found is not None and found.forbids(digest) and not found.flaw else None


def _lost(context: ReleaseContext, path: PurePosixPath, digest: Digest) -> bytes | None:
    """The very bytes of a denial that the history has and the files have not: the ledger is whole with no others."""
    blobs = [lost.blob for lost in context.store.lost() if lost.path == str(path)]
    return next((data for data in context.store.git.blobs(blobs) if _denying(context, data, digest)), None)


def _denial(context: ReleaseContext, image: str, digest: Digest, reason: str) -> bytes:
    said = yank_statement(digest, person=context.actor, reason=reason, name=image)
    return context.signer.sign(said.stamped(context.now))


def _deny(context: ReleaseContext, home: Reference, digest: Digest, denial: bytes) -> bool:
    """Attach the denial where the digest is; whether it is there."""
    with context.registry(home.registry) as client:
        found = client.find_manifest(home.repository, digest)
        if found is None:
            return False
        if not _denied(client, home.repository, digest, context):
            with locked(client, home.repository, context.locks):  # without it a list of evidence loses what others add
                attach_bundle(client, home.repository, found.descriptor, denial, predicate_type=YANK_TYPE)
        return True


def _denied(client: Registry, repository: str, digest: Digest, context: ReleaseContext) -> bool:
    """Whether a denial in order is there; one that only imagekit understands does not do for others."""
    try:
        return any(not denial.flaw for denial in read_proof(client, repository, digest, context.verifier).denials)
    except RefusedError:
        return False  # a list that cannot be read is replaced by one with the denial


def _pointer(context: ReleaseContext, channel: str, image: str, digest: Digest) -> Pointer | None:
    pointer = context.channel(channel).images.get(image)
    return pointer if pointer is not None and digest_of(Reference.parse(pointer.reference)) == digest else None
