"""One record of the ledger: who decided what about which digest, when, why, and by which policy and trust file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from imagekit.base.errors import ConfigError, RefusedError
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.decisions import FIRST_RECORD_TYPE as FIRST_TYPE
from imagekit.trust.evidence.decisions import RECORD_TYPE
from imagekit.trust.evidence.statement import Statement

_PERSON = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_REASON = 2000
_FILE = re.compile(r"([0-9]{6,})(-[a-z0-9-]+)?\.json")
Pairs = tuple[tuple[str, str], ...]


class Action(StrEnum):
    """What was decided."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    YANK = "yank"
    RETIRE = "retire"
    SEAL = "seal"


class LedgerError(RefusedError):
    """The ledger is broken, forged, or shorter than something says that it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A decision. `before` is the digest that the channel named until then; `previous` the hash of the record before.

    `at` is the clock of whoever decided (UTC); the order of decisions is that of `sequence`, never that of clocks.
    `basis` names what it was decided by (file or git commit, and its digest). `emergency` says what was wrong with the
    ledger when it was decided all the same; such a record vouches for nothing before it. `instead` are the hashes of
    record files that this one stands for: it was made again on another head, or a person sealed the ledger without.
    """

    sequence: int
    previous: str
    action: Action
    at: datetime
    actor: str
    image: str
    version: str
    digest: Digest
    reference: str
    channel: str = ""
    before: Digest | None = None
    reason: str = ""
    decision: Pairs = field(default=())
    basis: Pairs = field(default=())
    emergency: str = ""
    instead: tuple[str, ...] = ()
    first_format: bool = False

    def __post_init__(self) -> None:
        if not _PERSON.fullmatch(self.actor):
            raise ConfigError("a record must name who decides", hint="Set git's user.email, or give --by NAME.")
        if len(self.reason) > _LONGEST_REASON:
            raise ConfigError(f"a reason has at most {_LONGEST_REASON} characters, this one {len(self.reason)}")

    @property
    def file_name(self) -> str:
        """Where the ledger keeps it, e.g. ``000012.json``: the same number, the same name, so that git conflicts."""
        if self.first_format:
            return f"{self.sequence:06d}-{self.action}-{self.channel or self.digest.short}.json"
        return f"{self.sequence:06d}.json"

    def statement(self) -> Statement:
        """As an in-toto statement about the digest."""
        predicate: dict[str, Any] = {
            "sequence": self.sequence,
            "previous": self.previous,
            "action": self.action.value,
            "at": self.at.astimezone(UTC).isoformat(timespec="seconds"),
            "actor": self.actor,
            "image": self.image,
            "version": self.version,
            "reference": self.reference,
            "channel": self.channel,
            "before": str(self.before) if self.before else "",
            "reason": self.reason,
            "decision": [{"requirement": name, "outcome": outcome} for name, outcome in self.decision],
        }
        if not self.first_format:
            predicate["basis"] = [{"name": name, "digest": digest} for name, digest in self.basis]
            predicate |= {"emergency": self.emergency, "instead": list(self.instead)}
        kind = FIRST_TYPE if self.first_format else RECORD_TYPE
        return Statement(subject=self.digest, predicate_type=kind, predicate=predicate, name=self.image)


def number_of(name: str) -> int:
    """The number in the name of a record's file, of either format; 0 for the name of another file."""
    found = _FILE.fullmatch(name)
    return int(found[1]) if found else 0


def record_of(statement: Statement) -> Record:
    """Read a record back; raises `LedgerError` for a statement of another kind or with a field missing."""
    if statement.predicate_type not in (FIRST_TYPE, RECORD_TYPE):
        raise LedgerError(f"not a record of the ledger but {statement.predicate_type[:80]!r}")
    fields = statement.predicate
    try:
        return Record(
            sequence=_whole(fields["sequence"]),
            previous=str(fields["previous"]),
            action=Action(fields["action"]),
            at=_timestamp(fields["at"]),
            actor=str(fields["actor"]),
            image=str(fields["image"]),
            version=str(fields["version"]),
            digest=statement.subject,
            reference=str(fields["reference"]),
            channel=str(fields["channel"]),
            before=Digest(fields["before"]) if fields["before"] else None,
            reason=str(fields["reason"]),
            decision=tuple((str(item["requirement"]), str(item["outcome"])) for item in fields["decision"]),
            **_later(fields, first=statement.predicate_type == FIRST_TYPE),
        )
    except (KeyError, TypeError, ValueError, OverflowError, ConfigError) as error:
        raise LedgerError(f"a record of the ledger cannot be read: {error!r}"[:300]) from None


def _later(fields: Mapping[str, Any], *, first: bool) -> dict[str, Any]:
    """What the second format adds."""
    if first:
        return {"first_format": True}
    return {
        "basis": tuple((str(item["name"]), str(item["digest"])) for item in fields["basis"]),
        "emergency": str(fields["emergency"]),
        "instead": tuple(_hash(each) for each in fields["instead"]),
    }


def _hash(value: object) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError(f"no SHA-256: {value!r}")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"no sequence number: {value!r}")
    return value


def _timestamp(value: object) -> datetime:
    instant = datetime.fromisoformat(str(value))
    if instant.tzinfo is None:
        raise ValueError(f"a time without its zone: {value!r}")
    return instant.astimezone(UTC)
