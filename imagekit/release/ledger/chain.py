"""Reading the ledger: every signature, every link to the record before, and nothing left out in the middle.

That the end is missing shows only from outside: a channel file names the last record that wrote it (`demand_known`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from imagekit.base.errors import RefusedError
from imagekit.release.ledger.record import LedgerError, Record, record_of
from imagekit.trust.sign.interface import Verifier


@dataclass(frozen=True, slots=True)
class Entry:
    """A record with the hash of its file, which the next record repeats."""

    record: Record
    hash: str


@dataclass(frozen=True, slots=True)
class Chain:
    """All records, the first one first."""

    entries: tuple[Entry, ...]

    @property
    def records(self) -> tuple[Record, ...]:
        """The decisions alone."""
        return tuple(entry.record for entry in self.entries)

    @property
    def next_sequence(self) -> int:
        """The number of the record to come."""
        return len(self.entries) + 1

    @property
    def head(self) -> str:
        """The hash that the next record repeats; empty at the beginning."""
        return self.entries[-1].hash if self.entries else ""

    def demand_known(self, sequence: int, digest: str, where: str) -> None:
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


def file_hash(data: bytes) -> str:
    """The hash by which the next record names a record's file."""
    return sha256(data).hexdigest()


def read_chain(files: Iterable[tuple[str, bytes]], verifier: Verifier) -> Chain:
    """Check and read the files of the ledger, (name, content) each, in any order.

    Raises `LedgerError` naming the first file that is unsigned, signed by an unknown key, altered, out of place, named
    otherwise than it says, or missing.
    """
    entries: list[Entry] = []
    for name, data in sorted(files):
        entries.append(_entry(name, data, entries, verifier))
    return Chain(tuple(entries))


def _entry(name: str, data: bytes, before: Sequence[Entry], verifier: Verifier) -> Entry:
    try:
        record = record_of(verifier.verify(data))
    except RefusedError as error:
        raise LedgerError(f"ledger/{name} does not count: {error}", hint="`git log` of the file tells when.") from None
    expected = len(before) + 1
    if record.sequence != expected or record.file_name != name:
        raise LedgerError(
            f"ledger/{name} says it is {record.file_name}; the record expected here is number {expected}",
            hint="Records were removed, renamed or reordered: get them back from another clone.",
        )
    if record.previous != (before[-1].hash if before else ""):
        raise LedgerError(
            f"ledger/{name} does not follow the record before it: that one was changed or replaced",
            hint="Compare with another clone; the chain of hashes says from where on they differ.",
        )
    return Entry(record, file_hash(data))
