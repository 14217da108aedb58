"""Writing what a channel points at: the signed record and the channel file, in one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from imagekit.base.errors import ImagekitError
from imagekit.base.log import step
from imagekit.oci.reference import Digest, Reference
from imagekit.release.channel.context import ReleaseContext, Signed
from imagekit.release.channel.history import after, replay
from imagekit.release.channel.model import ChannelFile, Pointer
from imagekit.release.ledger.chain import Chain, ChainEntry
from imagekit.release.ledger.record import Action, Record
from imagekit.trust.gate.model import Decision

_VERB = {
    Action.PROMOTE: "promote",
    Action.ROLLBACK: "roll back to",
    Action.YANK: "yank",
    Action.RETIRE: "retire",
    Action.SEAL: "seal",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a channel points at now; `commit` is empty and `signed` None when it did so before."""

    channel: str
    image: str
    pointer: Pointer
    before: Pointer | None
    decision: Decision
    signed: Signed | None = None
    commit: str = ""
    sent_bytes: int = 0


def point(
    context: ReleaseContext,
    chain: Chain,
    action: Action,
    channel: str,
    image: str,
    target: Reference,
    decision: Decision,
    *,
    reason: str,
    sent: int = 0,
    emergency: str = "",
) -> Moved:
    """Let a channel point at `target` (version as tag, and digest), unless it does already.

    `emergency` is what is wrong with the ledger, for a decision that is made all the same.
    """
    before = replay(chain).get(channel, {}).get(image)
    if before is not None and before.digest == str(target.digest):
        return Moved(channel=channel, image=image, pointer=before, before=before, decision=decision, sent_bytes=sent)
    signed = context.record(
        chain,
        action,
        target,
        image=image,
        version=str(target.tag),
        channel=channel,
        before=Digest(before.digest) if before else None,
        reason=reason,
        decision=[(item.name, f"{item.status.value}: {item.reason}") for item in decision.findings],
        emergency=emergency,
    )
    pointer = after(before, ChainEntry(signed.record, signed.hash))
    others = _others(context, chain, channel, emergency=bool(emergency))
    changed = ChannelFile(channel=channel, images={**others, image: pointer})
    with step(f"Recording decision {signed.record.sequence}"):
        commit = context.write(signed, changed, message_of(signed.record, before))
    return Moved(
        channel=channel,
        image=image,
        pointer=pointer,
        before=before,
        decision=decision,
        signed=signed,
        commit=commit,
        sent_bytes=sent,
    )


def _others(context: ReleaseContext, chain: Chain, channel: str, *, emergency: bool) -> Mapping[str, Pointer]:
    """What the file says of other images: in an emergency as it is, for there may be records that do not count."""
    if emergency:
        with suppress(ImagekitError):
            return context.channel(channel).images
    return replay(chain).get(channel, {})


def message_of(record: Record, before: Pointer | None = None) -> str:
    """The message of a decision's commit, which is the text of its pull request, too."""
    lines = [
        f"{record.channel or 'all channels'}: {_VERB[record.action]} {record.image} {record.version}",
        "",
        f"Digest: {record.digest}",
        *([f"Before: {before.version} ({before.digest})" if before else "Before: nothing"] if record.channel else []),
        f"By:     {record.actor}, {record.at.isoformat(timespec='seconds')}",
        f"Why:    {_indented(record.reason) or '(no reason given)'}",
        f"Record: ledger/{record.file_name}",
        *([f"EMERGENCY: {record.emergency}"] if record.emergency else []),
        "",
        *_gate_lines(record.decision),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _indented(text: str) -> str:
    """All lines of it as one entry, so that none reads as an entry of its own."""
    return "\n        ".join(text.splitlines())


def _gate_lines(decision: Sequence[tuple[str, str]]) -> list[str]:
    return ["Gate:", "", *(f"- {name}: {outcome}" for name, outcome in decision)] if decision else []
