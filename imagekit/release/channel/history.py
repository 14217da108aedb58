"""What the records add up to: where each channel stood at any moment, what was withdrawn, what every file must say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from imagekit.oci.reference import Digest
from imagekit.release.channel.model import Anchor, Blocked, ChannelFile, Pointer
from imagekit.release.ledger.chain import Chain, ChainEntry
from imagekit.release.ledger.record import Action, LedgerError, Record
from imagekit.trust.gate.model import Stay

_POINTS = (Action.PROMOTE, Action.ROLLBACK)
Channels = dict[str, dict[str, Pointer]]


def standing(records: Iterable[Record]) -> dict[tuple[str, str], Record]:
    """The record that each (channel, image) stands on, by replaying decisions in their order."""
    return {(each.channel, each.image): each for each in records if each.action in _POINTS}


@dataclass(frozen=True, slots=True)
class RecordsUntil:
    """The records that were made by a moment for sure, and those that may have been, where clocks contradict them."""

    sure: tuple[Record, ...]
    perhaps: tuple[Record, ...]


def until(records: Sequence[Record], instant: datetime) -> RecordsUntil:
    """Which records were made by a moment: always the first so many, for their order is the chain's, not the clocks'.

    A record is no older than any before it and no younger than any after it. Where a clock was wrong the two bounds
    differ, and so do `sure` and `perhaps`.
    """
    latest, sure = datetime.min.replace(tzinfo=instant.tzinfo), 0
    for number, record in enumerate(records, start=1):
        latest = max(latest, record.at)
        sure = number if latest <= instant else sure
    perhaps = max((number for number, record in enumerate(records, start=1) if record.at <= instant), default=0)
    return RecordsUntil(tuple(records[:sure]), tuple(records[:perhaps]))


def yanked(records: Iterable[Record]) -> dict[Digest, Record]:
    """Every digest that was withdrawn, with the record that did so first."""
    found: dict[Digest, Record] = {}
    for record in records:
        if record.action is Action.YANK:
            found.setdefault(record.digest, record)
    return found


def stays(records: Iterable[Record], digest: Digest, now: datetime | None = None) -> dict[str, Stay]:
    """The last time of a digest in each channel; a yank takes it back from all of them.

    A record is no older than any before it: whoever dates his back gains nothing by it. One that is dated later than
    `now` (default: never) moves no other.
    """
    found: dict[str, Stay] = {}
    latest = datetime.min.replace(tzinfo=UTC)
    for record in records:
        latest = max(latest, record.at) if now is None or record.at <= now else latest
        if record.action is Action.YANK and record.digest == digest:
            reported = f"yanked by record {record.sequence}: {record.reason}"
            found = {
                name: replace(stay, left=stay.left or record.at, taken_back=reported) for name, stay in found.items()
            }
        if record.action not in _POINTS:
            continue
        stay = found.get(record.channel)
        if record.digest == digest:
            found[record.channel] = Stay(entered=max(latest, record.at))
        elif stay is not None and stay.left is None and record.before == digest:
            reported = f"rolled back by record {record.sequence}: {record.reason}"
            back = record.action is Action.ROLLBACK
            found[record.channel] = replace(stay, left=record.at, taken_back=reported if back else "")
    return found


def promotions(records: Iterable[Record], channel: str, image: str) -> list[Record]:
    """Everything that a channel pointed at for an image, the first one first."""
    return [item for item in records if item.action in _POINTS and (item.channel, item.image) == (channel, image)]


def prior(records: Sequence[Record], channel: str, image: str, *, barred: set[Digest]) -> Record | None:
    """The last thing a channel pointed at before what it points at now, none of the `barred` digests."""
    past = promotions(records, channel, image)
    if not past:
        return None
    now = past[-1].digest
    for record in reversed(past):
        if record.digest != now and record.digest not in barred:
            return record
    return None


def after(before: Pointer | None, entry: ChainEntry) -> Pointer:
    """What a channel says of an image after a decision."""
    record = entry.record
    return Pointer(
        version=record.version,
        digest=str(record.digest),
        reference=record.reference,
        since=record.at,
        record=record.sequence,
        record_hash=entry.hash,
        blocked=_blocked(before, record),
    )


def _blocked(before: Pointer | None, record: Record) -> tuple[Blocked, ...]:
    """What may not come back: as before, without what is let in now, and with what a rollback leaves."""
    kept = [blocked for blocked in (before.blocked if before else ()) if blocked.digest != str(record.digest)]
    if record.action is Action.ROLLBACK and before is not None:
        kept.append(Blocked(digest=before.digest, version=before.version, reason=record.reason, record=record.sequence))
    return tuple(kept)


def replay(chain: Chain) -> Channels:
    """What every channel file must say: each field of it comes from the records."""
    found: Channels = {}
    for entry in chain.entries:
        if entry.record.action in _POINTS:
            images = found.setdefault(entry.record.channel, {})
            images[entry.record.image] = after(images.get(entry.record.image), entry)
    return found


def anchor_of(chain: Chain) -> Anchor | None:
    """The end of the ledger, as channel files name it."""
    return Anchor(records=chain.next_sequence - 1, head=chain.head) if chain.entries else None


def require_agreement(chain: Chain, files: Iterable[ChannelFile]) -> None:
    """Raise `LedgerError` when a channel file does not say, in every field, what the records add up to.

    No record may put a withdrawn digest anywhere, whoever signed it, unless a person sealed the ledger afterwards.
    It catches a file that was edited without a decision, a file that is older or younger than the ledger, and a ledger
    whose end was cut off.
    """
    _require_none_withdrawn(chain.records)
    wanted = replay(chain)
    for file in files:
        _require_anchor(chain, file)
        pointers = wanted.pop(file.channel, {})
        for image, pointer in file.images.items():
            where = f"channels/{file.channel}.yaml: {image}"
            chain.require_known(pointer.record, pointer.record_hash, where)
            _require_same(where, pointer, pointers.pop(image, None))
        _require_none_missing(file.channel, pointers)
    for channel, left in wanted.items():
        _require_none_missing(channel, left)


def _require_none_withdrawn(records: Sequence[Record]) -> None:
    gone: dict[Digest, Record] = {}
    sealed = max((each.sequence for each in records if each.action is Action.SEAL), default=0)
    for record in records:
        if record.action is Action.YANK:
            gone.setdefault(record.digest, record)
        elif record.action in _POINTS and record.digest in gone and record.sequence > sealed:
            raise LedgerError(
                f"record {record.sequence} ({record.action} by {record.actor}) puts {record.version} into "
                f"{record.channel}, which record {gone[record.digest].sequence} withdrew",
                hint="imagekit makes no such record. Roll the channel back, then `imagekit ledger seal` says so.",
            )


def _require_anchor(chain: Chain, file: ChannelFile) -> None:
    where = f"channels/{file.channel}.yaml"
    if file.ledger is not None:
        chain.require_known(file.ledger.records, file.ledger.head, where)
        if file.ledger.records == len(chain.entries):
            return
        raise LedgerError(
            f"{where} was written by record {file.ledger.records}, and the ledger goes on to {len(chain.entries)}",
            hint="The file is older than the ledger: put it back. Every decision writes every channel file.",
        )
    if file.images and chain.entries and not chain.records[-1].first_format:
        raise LedgerError(
            f"{where} does not say where the ledger ends", hint="The file was edited by hand: put `ledger:` back."
        )


def _require_same(where: str, said: Pointer, wanted: Pointer | None) -> None:
    if wanted is None:
        raise _by_hand(f"{where} names {said.digest}, and no record says so")
    if said.digest != wanted.digest:
        raise _by_hand(f"{where} names {said.digest}, and record {wanted.record} says {wanted.digest}")
    for field in Pointer.model_fields:
        have, want = getattr(said, field), getattr(wanted, field)
        if have != want:
            raise _by_hand(f"{where}: {field} is {_shown(have)}, and record {wanted.record} says {_shown(want)}")


def _require_none_missing(channel: str, pointers: dict[str, Pointer]) -> None:
    for image, pointer in pointers.items():
        raise LedgerError(
            f"channels/{channel}.yaml does not name {image}, and record {pointer.record} put it there",
            hint="The file was edited by hand: put it back.",
        )


def _by_hand(said: str) -> LedgerError:
    return LedgerError(said, hint="The file was edited by hand: put it back, and use `imagekit promote` or `rollback`.")


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(f"{each.version} since record {each.record}" for each in value) + "]"
    return repr(value) if isinstance(value, str) else str(value)
