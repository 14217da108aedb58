"""One record of the ledger: who decided what about which digest, when and why."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from imagekit.base.errors import ConfigError, RefusedError
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.decisions import RECORD_TYPE
from imagekit.trust.evidence.statement import Statement

_PERSON = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_LONGEST_REASON = 2000


class Action(StrEnum):
    """What was decided."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    YANK = "yank"
    RETIRE = "retire"


class LedgerError(RefusedError):
    """The ledger is broken, forged, or shorter than something says that it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A decision. `before` is the digest that the channel named until then; `previous` the hash of the record before.

    `at` is the clock of whoever decided (UTC); the order of decisions is that of `sequence`, never that of clocks.
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
    decision: tuple[tuple[str, str], ...] = field(default=())

    def __post_init__(self) -> None:
        if not _PERSON.fullmatch(self.actor):
            raise ConfigError("a record must name who decides", hint="Set git's user.email, or give --by NAME.")
        if len(self.reason) > _LONGEST_REASON:
            raise ConfigError(f"a reason has at most {_LONGEST_REASON} characters, this one {len(self.reason)}")

    @property
    def file_name(self) -> str:
        """Where the ledger keeps it, e.g. ``000012-promote-prod.json``."""
        where = self.channel or self.digest.short
        return f"{self.sequence:06d}-{self.action}-{where}.json"

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
        return Statement(subject=self.digest, predicate_type=RECORD_TYPE, predicate=predicate, name=self.image)


def record_of(statement: Statement) -> Record:
    """Read a record back; raises `LedgerError` for a statement of another kind or with a field missing."""
    if statement.predicate_type != RECORD_TYPE:
        raise LedgerError(f"not a record of the ledger but {statement.predicate_type[:80]!r}")
    fields = statement.predicate
    try:
        return Record(
            sequence=_whole(fields["sequence"]),
            previous=str(fields["previous"]),
            action=Action(fields["action"]),
            at=_moment(fields["at"]),
            actor=str(fields["actor"]),
            image=str(fields["image"]),
            version=str(fields["version"]),
            digest=statement.subject,
            reference=str(fields["reference"]),
            channel=str(fields["channel"]),
            before=Digest(fields["before"]) if fields["before"] else None,
            reason=str(fields["reason"]),
            decision=tuple((str(item["requirement"]), str(item["outcome"])) for item in fields["decision"]),
        )
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise LedgerError(f"a record of the ledger cannot be read: {error!r}"[:300]) from None


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"no sequence number: {value!r}")
    return value


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError(f"a time without its zone: {value!r}")
    return moment.astimezone(UTC)
