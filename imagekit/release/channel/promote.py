"""Promotion: a digest and what is vouched for of all that is said of it enter a channel, when the gate agrees."""

from __future__ import annotations

from imagekit.base.errors import ConfigError
from imagekit.base.log import step
from imagekit.oci.reference import Reference
from imagekit.registry.client import Registry
from imagekit.registry.errors import MissingObjectError, VerificationError
from imagekit.registry.lock import locked
from imagekit.registry.tag import give_tag, require_free, require_version_name
from imagekit.registry.transfer import copy_image
from imagekit.release.channel.context import ReleaseContext
from imagekit.release.channel.errors import MoveRefusedError, digest_of
from imagekit.release.channel.history import yanked
from imagekit.release.channel.model import ChannelFile
from imagekit.release.channel.point import Moved, point
from imagekit.release.ledger.chain import Chain
from imagekit.release.ledger.record import Action
from imagekit.release.vouched import vouched_referrers
from imagekit.trust.verify import verify_content

VERSION_LABEL = "org.opencontainers.image.version"


def promote(
    context: ReleaseContext, source: Reference, channel: str, *, image: str, reason: str = "", release: bool = False
) -> Moved:
    """Let a digest into a channel; repeating it completes what was interrupted.

    `source` is resolved once. `release` allows a digest that the channel was rolled back from. Order: ledger, gate,
    copy, every blob hashed at its new place, gate there, summary, version tag last, then record and channel file in one
    commit. Raises `MoveRefusedError`, `GateClosedError`, `TagExistsError`, `LedgerError`, `LedgerBusyError` and what
    the registry raises; whatever is raised, the channel file still names what it named.
    """
    home = context.home(channel, image)
    with context.store.locked():
        chain = context.chain()
        with context.registry(source.registry) as origin, context.registry(home.registry) as client:
            fixed = _resolved(origin, source)
            context.basis(digest_of(fixed)).require_committed()
            _require_not_blocked(chain, context.channel(channel), image, fixed, release=release)
            version = _version_of(origin, fixed)
            _require_given_once(chain, image, version, fixed)
            with step(f"Gate of {channel}") as asking:
                decision = context.gate(origin, fixed, channel)
                decision.require_passed()
                asking.note = f"{len(decision.findings)} requirements hold"
            target = Reference(home.registry, home.repository, version, fixed.digest)
            # A draft of the record, signed and read back: a key whose word does not count is reported before the copy.
            context.record(chain, Action.PROMOTE, target, image=image, version=version, channel=channel, reason=reason)
            sent = _copied(context, fixed, target, origin, client, channel)
        return point(context, chain, Action.PROMOTE, channel, image, target, decision, reason=reason, sent=sent)


def _resolved(client: Registry, source: Reference) -> Reference:
    """The reference by digest, looked up once: whoever moves the tag later changes nothing here."""
    digest = client.resolve(source)
    if digest is None:
        raise MissingObjectError(f"{source} is not there", hint="`imagekit releases` lists what is.")
    return source.at(digest)


def _require_not_blocked(chain: Chain, file: ChannelFile, image: str, target: Reference, *, release: bool) -> None:
    """Neither yanked by a record, nor blocked since a rollback."""
    withdrawn = yanked(chain.records).get(digest_of(target))
    if withdrawn is not None:
        raise MoveRefusedError(
            f"{target.digest} was yanked by {withdrawn.actor} (record {withdrawn.sequence}): {withdrawn.reason}",
            hint="A yank is for good; build and release a new version.",
        )
    pointer = file.images.get(image)
    for blocked in pointer.blocked if pointer else ():
        if blocked.digest == str(target.digest) and not release:
            raise MoveRefusedError(
                f"{file.channel} was rolled back from {blocked.version} (record {blocked.record}): {blocked.reason}",
                hint="If the reason is gone, say so: --release.",
            )


def _require_given_once(chain: Chain, image: str, version: str, target: Reference) -> None:
    """A version that any record speaks of names that digest for ever, also when a registry forgot it."""
    for record in chain.records:
        if (record.image, record.version) == (image, version) and record.digest != target.digest:
            raise MoveRefusedError(
                f"{version} of {image} is {record.digest}, says record {record.sequence} ({record.action}), "
                f"not {target.digest}",
                hint="A version is given once; build and release a new one.",
            )


def _version_of(client: Registry, image: Reference) -> str:
    """The version that the image's own label says."""
    version = client.labels(image.repository, digest_of(image)).get(VERSION_LABEL, "")
    if not version:
        raise ConfigError(f"{image} has no label {VERSION_LABEL}; what imagekit builds always has one")
    require_version_name(version, f"{image}: label {VERSION_LABEL}")
    return version


def _copied(
    context: ReleaseContext, source: Reference, target: Reference, origin: Registry, client: Registry, channel: str
) -> int:
    """The digest and what trusted keys signed about it at its new place, verified there, with its version tag last.

    What strangers attached stays where it is: it would be written with the rights of whoever promotes.
    """
    digest = digest_of(target)
    with locked(client, target.repository, context.locks) as lock:
        require_free(target, client)
        with step(f"Copying {digest.short} to {target.name}") as copying:
            found = vouched_referrers(origin, source.repository, digest, context.vouches)
            sent = copy_image(source, digest, target, origin, client, attached=found.attached).sent_bytes
            left = f", {found.strangers} that others attached left" if found.strangers else ""
            copying.note = f"{sent / 1e6:.1f} MB sent{left}"
        with step(f"Verifying {digest.short} at its new place"):
            require_content(client, target)
            decision = context.gate(client, target.at(digest), channel)
            decision.require_passed()
        context.summarize(client, target, decision)
        lock.require_still_mine()
        give_tag(target, client)
    return sent


def require_content(client: Registry, target: Reference) -> None:
    """Raise `VerificationError` unless the manifest and every blob hash to what they are named by."""
    found = verify_content(client, target.repository, digest_of(target))
    if not found.satisfied:
        raise VerificationError(f"{target.name} does not hold what {target.digest} says: {found.reason}")
