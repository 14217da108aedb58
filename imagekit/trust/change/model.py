"""A change record as a provider answers it, and what is kept of it; docs/change-records.md has the contract."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from imagekit.base.errors import ImagekitError, RefusedError
from imagekit.base.strictjson import read_object
from imagekit.base.text import one_line
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.statement import Statement
from imagekit.trust.evidence.timestamp import read_timestamp

CHANGE_TYPE = "urn:imagekit:change:v1"
LIMIT = 64 << 10  # bytes of an answer
_FIELDS = (
    *("version", "id", "state", "digests", "approvals", "person", "at", "requested_by", "url", "begins", "ends"),
    *("title",),
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST = 50  # approvals and digests of one record


class ChangeError(RefusedError):
    """A change record cannot be had, or cannot be read."""


class ChangeState(StrEnum):
    """Whether work under the change may go on; what the change system calls its states is the provider's business."""

    OPEN = "open"
    PENDING = "pending"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ChangeApproval:
    """Who approved a change, and when (None where the system does not say)."""

    person: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRecord:
    """What a change system says of one change. `answer` is the SHA-256 of what the provider wrote."""

    id: str
    state: ChangeState
    digests: tuple[str, ...]
    approvals: tuple[ChangeApproval, ...]
    requested_by: str = ""
    title: str = ""
    url: str = ""
    begins: datetime | None = None
    ends: datetime | None = None
    provider: str = ""
    answer: str = ""

    def statement(self, digest: Digest, channel: str, *, name: str = "") -> Statement:
        """As evidence about the digest that went into a channel under it."""
        predicate: dict[str, Any] = {
            "channel": channel,
            "id": self.id,
            "state": self.state.value,
            "digests": list(self.digests),
            "approvals": [{"person": each.person, "at": _text(each.at)} for each in self.approvals],
            "requestedBy": self.requested_by,
            "title": self.title,
            "url": self.url,
            "begins": _text(self.begins),
            "ends": _text(self.ends),
            "provider": self.provider,
            "answer": self.answer,
        }
        return Statement(subject=digest, predicate_type=CHANGE_TYPE, predicate=predicate, name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What is known of the change that a digest goes out with.

    `problem` says why there is no record; `part` marks an image of an index, for which the record of the index counts.
    """

    record: ChangeRecord | None = None
    problem: str = "no change record was named"
    part: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeQuestion:
    """What a provider is asked."""

    change: str
    digest: Digest
    image: str
    image_version: str
    channel: str

    def document(self) -> dict[str, Any]:
        """As the provider reads it on its standard input."""
        return {
            "version": 1,
            "change": self.change,
            "digest": str(self.digest),
            "image": self.image,
            "image_version": self.image_version,
            "channel": self.channel,
        }


def require_id(text: str) -> str:
    """The id of a change as people write it; raises `ChangeError` for what no system gives."""
    if not _ID.fullmatch(text):
        raise ChangeError(f"{one_line(text, 80)!r} is no id of a change", hint="Such as CHG0030192 or OPS-4711.")
    return text


def read_answer(data: bytes, question: ChangeQuestion, provider: str) -> ChangeRecord:
    """Read what a provider wrote; raises `ChangeError` for anything that the contract does not have."""
    try:
        fields = read_object(data, f"the answer of {provider}", fields=_FIELDS, limit=LIMIT)
        if fields.get("version") != 1:
            raise ChangeError(f"{provider}: the answer is of version {fields.get('version')!r}, 1 is read")
        record = ChangeRecord(
            id=_word(fields, "id"),
            state=ChangeState(fields["state"]),
            digests=tuple(str(Digest(each)) for each in _list(fields, "digests")),
            approvals=tuple(_approval(each) for each in _list(fields, "approvals")),
            requested_by=_word(fields, "requested_by", ""),
            title=_word(fields, "title", ""),
            url=_word(fields, "url", ""),
            begins=_instant(fields, "begins"),
            ends=_instant(fields, "ends"),
            provider=provider,
            answer=Digest.of(data).hex,
        )
    except ChangeError:
        raise
    except (ImagekitError, KeyError, TypeError, ValueError, AttributeError) as error:
        why = str(error) if isinstance(error, ImagekitError) else repr(error)
        raise ChangeError(f"{provider}: the answer is no change record: {one_line(why)}") from None
    if record.id != question.change:
        raise ChangeError(f"{provider}: asked for {question.change}, the answer is about {record.id[:80]}")
    return record


def _approval(value: object) -> ChangeApproval:
    if not isinstance(value, dict):
        raise ValueError("an approval is an object with a person")
    return ChangeApproval(_word(value, "person"), _instant(value, "at"))


def _list(fields: Mapping[str, Any], name: str) -> list[Any]:
    found = fields[name]
    if not isinstance(found, list) or len(found) > _MOST:
        raise ValueError(f"{name} is no list of at most {_MOST}")
    return found


def _word(fields: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A text, fit to be shown and kept."""
    found = fields.get(name, default)
    if not isinstance(found, str) or (default is None and not found.strip()):
        raise ValueError(f"{name} is no text")
    return one_line(found, 300)


def _instant(fields: Mapping[str, Any], name: str) -> datetime | None:
    if fields.get(name) in (None, ""):
        return None
    found = read_timestamp(fields[name])
    if found is None:
        raise ValueError(f"{name} is no time with a zone")
    return found


def _text(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if at is not None else ""
