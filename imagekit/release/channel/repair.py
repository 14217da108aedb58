"""Repairing a ledger: a decision made from an older head is made again after the newer one, and a person's seal.

Both add a signed record and take none away: what stood there before is named by its hash in the new record.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import PurePosixPath

from imagekit.base.errors import ConfigError
from imagekit.oci.reference import Digest, Reference
from imagekit.release.channel.context import ReleaseContext, Signed
from imagekit.release.channel.errors import MoveRefusedError
from imagekit.release.channel.history import replay, yanked
from imagekit.release.channel.model import ChannelFile, channel_path, to_yaml
from imagekit.release.channel.point import message_of
from imagekit.release.ledger.chain import Chain, ChainEntry, file_hash, read_chain, read_links
from imagekit.release.ledger.record import Action, LedgerError, Record, record_of
from imagekit.release.ledger.witness import FOLDER, YANKS

_DECISION_FILES = ("ledger/", "channels/", "yanks/")
_COMMIT = "git commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """The records that were made, and the commit that holds them."""

    made: tuple[Record, ...]
    commit: str


def rebase(context: ReleaseContext, onto: str) -> Repaired:
    """Make the decisions that HEAD has and `onto` (a branch or commit) has not again, after the last record of `onto`.

    The branch gets one more commit: nothing of it is rewritten. Its parents are the old head and, unless that contains
    it already, `onto`, so that the branch merges without a conflict. A decision that would not be made there is
    refused: the digest was yanked or is blocked, the channel moved, or policy, trust file or waivers are others than
    it was made by. Raises `MoveRefusedError`, `LedgerError`, `ConfigError`, `LedgerBusyError`.
    """
    with context.store.locked():
        base = context.store.resolve(onto)
        contained = context.store.contains(base)
        if not contained:
            _require_decisions_only(context, base)
        there = dict(context.store.records(base))
        chain, made = read_chain(there.items(), context.records), list[tuple[Signed, str]]()
        for name, data in _only_here(context, there):
            old = _counting(context, name, data)
            follows = not made and (old.sequence, old.previous) == (chain.next_sequence, chain.head)
            signed = Signed(record=old, data=data) if follows else _again(context, chain, old, data)
            chain = Chain((*chain.entries, ChainEntry(signed.record, signed.hash)))
            made += [] if follows else [(signed, name)]
        if not made:
            return Repaired(made=(), commit="")
        files: dict[PurePosixPath, bytes | None] = {FOLDER / name: None for _, name in made if name not in there}
        files |= {FOLDER / signed.record.file_name: signed.data for signed, _ in made}
        files |= _channels(chain) | _denials(context, chain)
        message = "\n".join(message_of(signed.record) for signed, _ in made)
        commit = context.store.commit(files, message, onto="" if contained else base)
    return Repaired(made=tuple(signed.record for signed, _ in made), commit=commit)


def seal(context: ReleaseContext, head: str, *, reason: str) -> Repaired:
    """Vouch for a ledger as it is, when a person has looked at it: `head` repeats the hash of its last record.

    It makes up for records whose key nothing vouches for, for records and denials that were taken away and are to stay
    away, and for channel files that an older imagekit wrote. Links of the chain that are broken stay refused.
    Raises `LedgerError`, `ConfigError`, `LedgerBusyError`.
    """
    if not reason.strip():
        raise ConfigError("a seal needs a reason", hint="--reason TEXT; it goes into the ledger.")
    with context.store.locked():
        chain = read_links(context.store.records("HEAD"), context.records)
        if not chain.entries or len(head) < 12 or not chain.head.startswith(head):
            raise LedgerError(
                f"the last record is {chain.next_sequence - 1}, its hash {chain.head or 'none'}, not {head}",
                hint="Look at `imagekit ledger show` and at the records, then repeat the hash (12 characters or more).",
            )
        lost = context.store.lost()
        gone = [sha256(data).hexdigest() for data in context.store.git.blobs([each.blob for each in lost])]
        last = chain.records[-1]
        signed = context.record(
            chain, Action.SEAL, _itself(context, chain), image=last.image, version="", reason=reason
        )
        signed = context.signed(replace(signed.record, instead=tuple(dict.fromkeys(gone))))
        whole = Chain((*chain.entries, ChainEntry(signed.record, signed.hash)))
        read_chain([*context.store.records("HEAD"), (signed.record.file_name, signed.data)], context.records)
        commit = context.store.commit(
            {FOLDER / signed.record.file_name: signed.data, **_channels(whole)}, message_of(signed.record)
        )
    return Repaired(made=(signed.record,), commit=commit)


def _itself(context: ReleaseContext, chain: Chain) -> Reference:
    """What a seal is about: the last record, by its hash."""
    home = Reference.parse(f"{next(iter(context.repositories.values()))}/ledger")
    return home.at(Digest(f"sha256:{chain.head}"))


def _only_here(context: ReleaseContext, there: dict[str, bytes]) -> list[tuple[str, bytes]]:
    known = {file_hash(data) for data in there.values()}
    return sorted((name, data) for name, data in context.store.records("HEAD") if file_hash(data) not in known)


def _counting(context: ReleaseContext, name: str, data: bytes) -> Record:
    judged = context.records.today(data)
    if judged.problem or judged.statement is None:
        raise LedgerError(f"ledger/{name} does not count and is not made again: {judged.problem}")
    return record_of(judged.statement)


def _again(context: ReleaseContext, chain: Chain, old: Record, data: bytes) -> Signed:
    """The record that stands for one of another head."""
    _require_same_base(context, old)
    pointer = replay(chain).get(old.channel, {}).get(old.image)
    now = Digest(pointer.digest) if pointer else None
    withdrawn = yanked(chain.records).get(old.digest)
    if old.action in (Action.PROMOTE, Action.ROLLBACK):
        if withdrawn is not None:
            raise _refused(old, f"the digest was yanked meanwhile (record {withdrawn.sequence})")
        if pointer and any(blocked.digest == str(old.digest) for blocked in pointer.blocked):
            raise _refused(old, f"{old.channel} was rolled back from it")
        if now != old.before:
            raise _refused(old, f"{old.channel} moved meanwhile to {pointer.version if pointer else 'nothing'}")
    fresh = replace(
        old,
        sequence=chain.next_sequence,
        previous=chain.head,
        at=context.now,
        basis=context.basis(old.digest).entries,
        instead=(*old.instead, file_hash(data)),
        first_format=False,
    )
    return context.signed(fresh)


def _require_same_base(context: ReleaseContext, old: Record) -> None:
    basis = context.basis(old.digest)
    basis.require_committed()
    then = {pair for pair in old.basis if pair[0] != _COMMIT}
    now = {pair for pair in basis.entries if pair[0] != _COMMIT}
    if not old.first_format and then != now:
        names = ", ".join(sorted({name for name, _ in then ^ now}))
        raise _refused(old, f"it was made by another {names}")


def _refused(old: Record, why: str) -> MoveRefusedError:
    return MoveRefusedError(
        f"record {old.sequence} ({old.action} {old.channel} {old.image} {old.version}) is not made again: {why}",
        hint="Decide anew from the newer head: drop the branch and give the command there.",
    )


def _channels(chain: Chain) -> dict[PurePosixPath, bytes | None]:
    """Every channel file, as the records have it."""
    from imagekit.release.channel.history import anchor_of

    return {
        channel_path(name): to_yaml(ChannelFile(channel=name, ledger=anchor_of(chain), images=images))
        for name, images in replay(chain).items()
    }


def _denials(context: ReleaseContext, chain: Chain) -> dict[PurePosixPath, bytes | None]:
    """The denials of the yanks that were made again."""
    paths = [YANKS / f"{each.digest.hex}.json" for each in chain.records if each.action is Action.YANK]
    return {path: data for path in paths if (data := context.store.read(path)) is not None}


def _require_decisions_only(context: ReleaseContext, base: str) -> None:
    other = [name for name in context.store.changed_since(base) if not name.startswith(_DECISION_FILES)]
    if other:
        raise ConfigError(
            f"the branch changes more than decisions: {', '.join(other[:5])}",
            hint="Put the decision on a branch of its own; what else it changes is merged or rebased with git.",
        )
