"""Reading the ledger: every link to the record before, nothing left out in the middle, what vouches for each record.

A record counts because a key that is trusted today signed it; or because a later record that counts follows it by its
hash, whose signer had checked it; or because the trust file of its time says so. So a key may be revoked, rotated or
removed, and what it signed before stays readable; what it signs afterwards is vouched for by nothing.

That the end is missing shows only from outside: see `imagekit.release.ledger.witness`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise

from imagekit.release.ledger.judge import Judge, Judged, claimed
from imagekit.release.ledger.record import Action, LedgerError, Record, number_of, record_of


class Standing(StrEnum):
    """What vouches for a record."""

    SIGNED = "signed by a key that is trusted"
    FOLLOWED = "followed by a record that counts"
    REMEMBERED = "verified before in this clone, and unchanged"
    PAST = "signed by a key that was trusted when it was made"
    CLAIMED = "not vouched for"


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """A record with the hash of its file, which the next record repeats.

    `channels` are those of the key that signed it, none for all (and where it was verified before).
    """

    record: Record
    hash: str
    standing: Standing = Standing.SIGNED
    channels: tuple[str, ...] = ()

    def stands_for(self, data: bytes, record: Record | None) -> bool:
        """Whether this record says so of a file that was taken away, and may; `record` is what that file holds.

        A decision that was made again stands for the very same decision. For anything else, denials too, it takes a
        person's seal, by a key that serves the channel that the decision was about.
        """
        ours = self.record
        if file_hash(data) not in ours.instead:
            return False
        if ours.action is Action.SEAL:
            return not self.channels or (record is not None and record.channel in self.channels)
        return record is not None and _decided(record) == _decided(ours)


@dataclass(frozen=True, slots=True)
class Chain:
    """All records, the first one first."""

    entries: tuple[ChainEntry, ...]

    @property
    def records(self) -> tuple[Record, ...]:
        """The decisions alone."""
        return tuple(entry.record for entry in self.entries)

    @property
    def vouched(self) -> tuple[Record, ...]:
        """The decisions that something vouches for: all of them, but in an emergency."""
        return tuple(entry.record for entry in self.entries if entry.standing is not Standing.CLAIMED)

    @property
    def next_sequence(self) -> int:
        """The number of the record to come."""
        return self.entries[-1].record.sequence + 1 if self.entries else 1

    @property
    def head(self) -> str:
        """The hash that the next record repeats; empty at the beginning."""
        return self.entries[-1].hash if self.entries else ""

    def require_known(self, sequence: int, digest: str, where: str) -> None:
        """Raise `LedgerError` when the record that `where` relies on is not in the chain, or is another one."""
        if sequence > len(self.entries):
            raise LedgerError(
                f"{where} was written by record {sequence}, and the ledger ends at {len(self.entries)}",
                hint="The end of the ledger is missing: get it back from another clone (git pull).",
            )
        if sequence < 1 or self.entries[sequence - 1].hash != digest:
            raise LedgerError(
                f"{where} was written by another record {sequence} than the one in the ledger",
                hint="Either was changed after the fact: `git log` of both tells when.",
            )


@dataclass(frozen=True, slots=True)
class Verified:
    """What was verified before: so many records, the hash of the last, and the commit that was checked out."""

    records: int
    head: str
    commit: str


@dataclass(frozen=True, slots=True)
class _Read:
    """A file of the ledger and what is said of it; `record` is None where not even its claim can be read."""

    name: str
    data: bytes
    hash: str
    judged: Judged
    record: Record | None
    problem: str


@dataclass(slots=True)
class _Followers:
    """The records that come after, as far as they vouch: the channels of their keys, none for all of them."""

    keys: set[tuple[str, ...]] = field(default_factory=set)
    seals: set[tuple[str, ...]] = field(default_factory=set)

    def add(self, record: Record, channels: tuple[str, ...]) -> None:
        """A record made in an emergency vouches for nothing: its signer could not check what was before."""
        if not record.emergency:
            self.keys.add(channels)
            if record.action is Action.SEAL:
                self.seals.add(channels)

    def cover(self, record: Record, *, known: bool) -> bool:
        """Whether one of them vouches; for what no known key signed a seal has to, which a person looked at."""
        keys = self.keys if known else self.seals
        return any(not each or not record.channel or record.channel in each for each in keys)


def _decided(record: Record) -> tuple[object, ...]:
    return (record.action, record.image, record.version, record.digest, record.channel)


def file_hash(data: bytes) -> str:
    """The hash by which the next record names a record's file."""
    return sha256(data).hexdigest()


def read_chain(files: Iterable[tuple[str, bytes]], judge: Judge, known: Verified | None = None) -> Chain:
    """Check and read the files of the ledger, (name, content) each, in any order.

    Of what is `known` the links are checked, which end in a hash that was verified, and no signature.

    Raises `LedgerError` naming the first file that is altered, out of place, named otherwise than it says, or missing,
    or that nothing vouches for.
    """
    ordered = sorted(files, key=lambda item: (number_of(item[0]), item[0]))
    old = known.records if known is not None and _begins(ordered, known) else 0
    read = [_read(name, data, judge, old=at < old) for at, (name, data) in enumerate(ordered)]
    _require_links(read)
    return Chain(tuple(_vouched(read, judge, old)))


def _begins(ordered: Sequence[tuple[str, bytes]], known: Verified) -> bool:
    """Whether the files begin with what is known; the links to the last known record bind all before it."""
    return 0 < known.records <= len(ordered) and file_hash(ordered[known.records - 1][1]) == known.head


def read_links(files: Iterable[tuple[str, bytes]], judge: Judge) -> Chain:
    """As `read_chain`, for whoever is to vouch for the ledger: what nothing vouches for yet stands as `CLAIMED`."""
    read = [_read(name, data, judge) for name, data in sorted(files, key=lambda item: (number_of(item[0]), item[0]))]
    _require_links(read)
    return Chain(
        tuple(
            ChainEntry(each.record, each.hash, Standing.CLAIMED if each.problem else Standing.SIGNED)
            for each in read
            if each.record is not None
        )
    )


def read_claims(files: Iterable[tuple[str, bytes]], judge: Judge) -> Chain:
    """What can be read of a ledger that does not verify, for an emergency: files that some known key signed, by number.

    What is missing, doubled or out of place is passed over; records that nothing vouches for stand as `CLAIMED`.
    """
    read = [_read(name, data, judge) for name, data in sorted(files, key=lambda item: (number_of(item[0]), item[0]))]
    return Chain(
        tuple(
            ChainEntry(each.record, each.hash, _standing_alone(each, judge))
            for each in read
            if each.record is not None and each.judged.known
        )
    )


def _standing_alone(each: _Read, judge: Judge) -> Standing:
    if not each.problem:
        return Standing.SIGNED
    return Standing.CLAIMED if judge.then(each.name, each.data).problem else Standing.PAST


def _read(name: str, data: bytes, judge: Judge, *, old: bool = False) -> _Read:
    judged = Judged(statement=claimed(data), known=True) if old else judge.today(data)
    record, problem = None, judged.problem
    if judged.statement is not None:
        try:
            record = record_of(judged.statement)
        except LedgerError as error:
            problem = f"{error}"
    return _Read(name, data, file_hash(data), judged, record, problem)


def _require_one_each(read: Sequence[_Read]) -> None:
    for before, each in pairwise(read):
        if number_of(before.name) == number_of(each.name):
            raise LedgerError(
                f"ledger/{before.name} and ledger/{each.name} are both number {number_of(each.name)}: two decisions "
                "were made from one commit and both merged",
                hint="`imagekit ledger rebase HEAD^1` makes the second one again after the first.",
            )


def _require_links(read: Sequence[_Read]) -> None:
    _require_one_each(read)
    before: _Read | None = None
    for expected, each in enumerate(read, start=1):
        if each.record is None:
            raise _not_counted(each)
        if each.record.sequence != expected or each.record.file_name != each.name:
            raise LedgerError(
                f"ledger/{each.name} says it is {each.record.file_name}; the record expected here is number {expected}",
                hint="Records were removed, renamed or reordered: get them back from another clone.",
            )
        if each.record.previous != (before.hash if before else ""):
            if before is not None and before.problem:
                raise _not_counted(before)
            raise LedgerError(
                f"ledger/{each.name} does not follow the record before it: that one was changed or replaced",
                hint="Compare with another clone; the chain of hashes says from where on they differ.",
            )
        before = each


def _vouched(read: Sequence[_Read], judge: Judge, old: int) -> list[ChainEntry]:
    entries, followers = [], _Followers()
    for at in reversed(range(len(read))):
        each = read[at]
        assert each.record is not None
        if at < old:
            entries.append(ChainEntry(each.record, each.hash, Standing.REMEMBERED))
            continue
        standing, channels = _standing(each, each.record, followers, judge)
        if standing is not Standing.FOLLOWED:
            followers.add(each.record, channels)
        entries.append(ChainEntry(each.record, each.hash, standing, channels))
    return entries[::-1]


def _standing(each: _Read, record: Record, followers: _Followers, judge: Judge) -> tuple[Standing, tuple[str, ...]]:
    """What vouches for a record, and the channels of its key; raises `LedgerError` when nothing does."""
    if not each.problem:
        return Standing.SIGNED, each.judged.channels
    if followers.cover(record, known=each.judged.known):
        return Standing.FOLLOWED, ()
    then = judge.then(each.name, each.data)
    if not then.problem:
        return Standing.PAST, then.channels
    if followers.cover(record, known=then.known):
        return Standing.FOLLOWED, ()
    raise _not_counted(each, f"; {then.problem}")


def _not_counted(each: _Read, more: str = "") -> LedgerError:
    return LedgerError(
        f"ledger/{each.name} does not count: {each.problem}{more}",
        hint="`git log` of the file tells when it came. Is it one of yours, `imagekit ledger seal` vouches for it.",
    )
