"""Who signed a record and whether that counts: by the trust file of today, or by that of the record's time."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from imagekit.base.errors import RefusedError
from imagekit.trust.evidence.statement import Statement
from imagekit.trust.sign.interface import Verifier
from imagekit.trust.sign.native import claimed_statement
from imagekit.trust.sign.trust import TrustStore, misused
from imagekit.trust.sign.trustfile import Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a bundle says; `problem` is why its signature does not count, empty when it does.

    `known`: a key of the trust file made the signature, whether it counts or not; `channels` are those of that key,
    none for all.
    """

    statement: Statement | None
    problem: str = ""
    known: bool = False
    channels: tuple[str, ...] = ()


class Judge(Protocol):
    """Reads the bundle of a record."""

    @property
    def fingerprint(self) -> str:
        """A name for all that the answers of `today` depend on; empty where nothing may be remembered of them."""
        ...

    def today(self, bundle: bytes) -> Judged:
        """Whether it counts by the trust file of today."""
        ...

    def then(self, name: str, bundle: bytes) -> Judged:
        """Whether it counts by the place that it has in the past, under the trust file of then; `name` is its file."""
        ...


NO_PAST = Judged(statement=None, problem="nothing tells who was trusted when it was made")


@dataclass(frozen=True, slots=True)
class VerifierJudge:
    """One verifier, and no past."""

    verifier: Verifier

    @property
    def fingerprint(self) -> str:
        """Nothing is known of what a verifier depends on."""
        return ""

    def today(self, bundle: bytes) -> Judged:
        """What the verifier says."""
        try:
            return Judged(statement=self.verifier.verify(bundle), known=True)
        except RefusedError as error:
            return Judged(statement=claimed(bundle), problem=f"{error}")

    def then(self, name: str, bundle: bytes) -> Judged:
        """Nothing is known of the past."""
        return NO_PAST


class Past(Protocol):
    """What git keeps of the trust file and of the ledger beside it."""

    def judged(self, name: str, bundle: bytes) -> Judged:
        """Whether a record was there when the key that signed it lost its trust."""
        ...


@dataclass(frozen=True, slots=True)
class TrustJudge:
    """The trust file of today; `past` gives those before, None where the ledger has its own repository."""

    store: TrustStore
    past: Past | None = field(default=None, compare=False)

    @property
    def fingerprint(self) -> str:
        """Of every entry of the trust file, with the keys themselves."""
        entries = [f"{holder.material} {holder.key.model_dump_json()}" for holder in self.store.holders]
        return sha256("\n".join(entries).encode()).hexdigest()

    def today(self, bundle: bytes) -> Judged:
        """By key, window, purpose, and the channel that the record is about."""
        return judged_by(self.store, bundle)

    def then(self, name: str, bundle: bytes) -> Judged:
        """By the trust files that git has."""
        return self.past.judged(name, bundle) if self.past is not None else NO_PAST


def judged_by(store: TrustStore, bundle: bytes) -> Judged:
    """What one trust file says of a record's bundle."""
    reading = store.read(bundle)
    statement = reading.statement
    if reading.key is None or statement is None:
        return Judged(statement=statement, problem=reading.reason or "nobody vouches for it")
    problem = reading.reason if reading.problem is not None else ""
    channel = str(statement.predicate.get("channel", "")) or None
    if not problem:
        problem = misused(reading.key, Purpose.PROMOTE, channel)[1]
    return Judged(statement=statement, problem=problem, known=True, channels=reading.key.channels)


def claimed(bundle: bytes) -> Statement | None:
    """What a bundle says, whoever signed it; None where that cannot be read."""
    try:
        return claimed_statement(bundle)
    except RefusedError:
        return None
