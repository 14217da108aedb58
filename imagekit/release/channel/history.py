"""What the records add up to: where each channel stood at any moment, and what was withdrawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from imagekit.oci.reference import Digest
from imagekit.release.channel.model import ChannelFile
from imagekit.release.ledger.chain import Chain
from imagekit.release.ledger.record import Action, LedgerError, Record

_POINTS = (Action.PROMOTE, Action.ROLLBACK)


def standing(records: Iterable[Record], *, until: datetime | None = None) -> dict[tuple[str, str], Record]:
    """The record that each (channel, image) stands on, by replaying all decisions, or those made until a moment."""
    found: dict[tuple[str, str], Record] = {}
    for record in records:
        if until is not None and record.at > until:
            continue
        if record.action in _POINTS:
            found[record.channel, record.image] = record
    return found


def yanked(records: Iterable[Record]) -> dict[Digest, Record]:
    """Every digest that was withdrawn, with the record that did so first."""
    found: dict[Digest, Record] = {}
    for record in records:
        if record.action is Action.YANK:
            found.setdefault(record.digest, record)
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


def demand_agreement(chain: Chain, files: Iterable[ChannelFile]) -> None:
    """Raise `LedgerError` when a channel file does not say what the records add up to.

    It catches a file that was edited without a decision, and a ledger whose end was cut off.
    """
    stands = standing(chain.records)
    for file in files:
        for image, pointer in file.images.items():
            where = f"channels/{file.channel}.yaml: {image}"
            chain.demand_known(pointer.record, pointer.record_hash, where)
            record = stands.pop((file.channel, image), None)
            if record is None or str(record.digest) != pointer.digest or record.sequence != pointer.record:
                said = f"record {record.sequence} says {record.digest}" if record else "no record says so"
                raise LedgerError(
                    f"{where} names {pointer.digest}, and {said}",
                    hint="The file was edited by hand: put it back, and use `imagekit promote` or `rollback`.",
                )
    for (channel, image), record in stands.items():
        raise LedgerError(
            f"channels/{channel}.yaml does not name {image}, and record {record.sequence} put it there",
            hint="The file was edited by hand: put it back.",
        )
