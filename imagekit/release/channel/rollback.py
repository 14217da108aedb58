"""Rollback: a channel points at an earlier digest again, and the one that it leaves is blocked."""

from __future__ import annotations

from imagekit.base.errors import ConfigError
from imagekit.base.log import step
from imagekit.oci.reference import Digest, Reference
from imagekit.release.channel.context import ReleaseContext
from imagekit.release.channel.errors import MoveRefusedError
from imagekit.release.channel.history import promotions, replay, yanked
from imagekit.release.channel.model import Pointer
from imagekit.release.channel.point import Moved, point
from imagekit.release.channel.promote import require_content
from imagekit.release.ledger.chain import Chain
from imagekit.release.ledger.record import Action, Record
from imagekit.trust.finding import Requirement
from imagekit.trust.gate.model import Decision

# What must hold today. Age, soak, approvals and the checks of today were judged when the digest entered; its record,
# signed, says how.
_TODAY = (Requirement.EVIDENCE, Requirement.YANK, Requirement.SIGNATURE)


def rollback(
    context: ReleaseContext,
    channel: str,
    *,
    image: str,
    to: Reference | None = None,
    reason: str,
    release: bool = False,
) -> Moved:
    """Point a channel at an earlier digest again: the one before by default, or one that was in this channel.

    It must not be yanked; its content is hashed and its signature verified again, now. `release` allows one that is
    blocked. A ledger that does not verify does not stop it: the record says what was wrong. Raises
    `MoveRefusedError`, `VerificationError`, `LedgerError`, `LedgerBusyError` and what the registry raises.
    """
    if not reason.strip():
        raise ConfigError("a rollback needs a reason", hint="--reason TEXT; it goes into the ledger.")
    context.home(channel, image)
    with context.store.locked():
        chain, emergency = context.emergency_chain()
        found = _earlier(chain, channel, image, to, release=release)
        target = Reference.parse(found.reference)
        with context.registry(target.registry) as client, step(f"Verifying {found.version} in {channel}"):
            require_content(client, target)
            decision = _today(context.gate(client, target, channel))
        named = Reference(target.registry, target.repository, found.version, target.digest)
        return point(
            context, chain, Action.ROLLBACK, channel, image, named, decision, reason=reason, emergency=emergency
        )


def target_of(
    context: ReleaseContext, channel: str, *, image: str, to: Reference | None = None, release: bool = False
) -> Record:
    """The record that `rollback` would go back to; nothing is changed, and the digest is not verified."""
    context.home(channel, image)
    return _earlier(context.emergency_chain()[0], channel, image, to, release=release)


def _earlier(chain: Chain, channel: str, image: str, to: Reference | None, *, release: bool) -> Record:
    """The record of the channel that the rollback goes back to."""
    gone = yanked(chain.records)
    pointer = replay(chain).get(channel, {}).get(image)
    if pointer is None:
        raise MoveRefusedError(f"{channel} points at nothing for {image}; there is nothing to roll back")
    if to is None:
        barred = {*gone, *(Digest(blocked.digest) for blocked in pointer.blocked), Digest(pointer.digest)}
        past = reversed(promotions(chain.vouched, channel, image))
        found = next((record for record in past if record.digest not in barred), None)
        if found is None:
            raise MoveRefusedError(
                f"{channel} has no earlier version of {image} that may run", hint="`--to` names one that was there."
            )
        return found
    for record in reversed(promotions(chain.records, channel, image)):
        if record.digest == to.digest or (to.digest is None and record.version == to.tag):
            return _allowed(record, pointer, gone.get(record.digest), release=release)
    raise MoveRefusedError(
        f"{to} was never in {channel}", hint=f"`imagekit history --channel {channel}` lists what was; else promote it."
    )


def _allowed(record: Record, pointer: Pointer, withdrawn: Record | None, *, release: bool) -> Record:
    if withdrawn is not None:
        raise MoveRefusedError(f"{record.version} was yanked (record {withdrawn.sequence}): {withdrawn.reason}")
    if str(record.digest) == pointer.digest:
        raise MoveRefusedError(f"{record.channel} points at {record.version} already")
    for blocked in pointer.blocked:
        if blocked.digest == str(record.digest) and not release:
            raise MoveRefusedError(
                f"{record.channel} was rolled back from {blocked.version} (record {blocked.record}): {blocked.reason}",
                hint="If the reason is gone, say so: --release.",
            )
    return record


def _today(decision: Decision) -> Decision:
    """The part of the gate's answer that a rollback depends on, for each image of an index too.

    Raises `MoveRefusedError` where it does not hold.
    """
    from dataclasses import replace

    kept = replace(decision, findings=tuple(item for item in decision.findings if item.requirement in _TODAY))
    if not kept.passed:
        reasons = "; ".join(f"{item.name}: {item.reason}" for item in kept.unsatisfied) or "nothing vouches for it"
        raise MoveRefusedError(f"{decision.digest} does not hold any more: {reasons}")
    return kept
