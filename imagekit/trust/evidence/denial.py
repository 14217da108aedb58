"""What a trusted signer forbids: a denial (yank), also one that is not written as it should be.

Whoever asks has checked the signature; what strangers write is never asked here. A statement that counts *for* an image
is read strictly (`parse_statement`). One that counts *against* it is read as generously as possible: a denial with two
subjects, a hash in capitals or a predicate of another shape is meant to stop an image, so it does, and says what is
wrong with it.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from imagekit.base.errors import ConfigError, RefusedError
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.decisions import YANK_TYPE
from imagekit.trust.evidence.statement import Statement, parse_statement

_FAMILY = YANK_TYPE.rpartition(":")[0]  # whatever its version
_MOST_SUBJECTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """A trusted no. `subjects` is None where it cannot be told whom it is about; `flaw` says why it is not in order."""

    subjects: frozenset[Digest] | None
    person: str = "?"
    reason: str = "?"
    flaw: str = ""

    def forbids(self, digest: Digest) -> bool:
        """Whether a digest may not be taken because of it; one that may be about anything is about everything."""
        return self.subjects is None or digest in self.subjects

    @property
    def reported(self) -> str:
        """In one sentence."""
        if self.flaw:
            return f"denied, in a form that cannot be read: {self.flaw}"[:400]
        return f"yanked by {self.person[:200]}: {self.reason[:300]}"


def denial_in(payload: bytes) -> Denial | None:
    """The denial in what a trusted key signed; None when it certainly is something else."""
    try:
        return denial_said(parse_statement(payload))
    except RefusedError as error:
        return denial_unread(payload, str(error))


def denial_said(statement: Statement) -> Denial | None:
    """The denial in a statement that a trusted key signed and that is in order; None for any other statement."""
    if statement.predicate_type == YANK_TYPE:
        return _denial(statement)
    if not _alike(statement.predicate_type):
        return None
    flaw = f"its predicate type is {statement.predicate_type[:80]!r}"
    return Denial(subjects=frozenset({statement.subject}), flaw=flaw)


def _denial(statement: Statement) -> Denial:
    fields = statement.predicate
    return Denial(
        subjects=frozenset({statement.subject}),
        person=str(fields.get("person", "?")),
        reason=str(fields.get("reason", "?")),
    )


def denial_unread(payload: bytes, flaw: str) -> Denial | None:
    """The denial in what `parse_statement` refused for its `flaw`.

    Statements of another kind are no denials, however broken; whose kind cannot be told may be one.
    """
    try:
        pairs = json.loads(payload, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return Denial(subjects=None, flaw=flaw)
    kinds = _values(pairs, "predicateType")
    if kinds and all(isinstance(kind, str) and not _alike(kind) for kind in kinds):
        return None
    return Denial(subjects=_subjects(_values(pairs, "subject")), flaw=flaw)


class _Pairs(list[tuple[str, Any]]):
    """An object as it was written, keys that stand twice included."""


def _values(pairs: object, key: str) -> list[Any]:
    """All values of a key, in any letter case."""
    return [value for name, value in pairs if _folded(name) == key.casefold()] if isinstance(pairs, _Pairs) else []


def _subjects(found: list[Any]) -> frozenset[Digest] | None:
    """Every sha256 that is named; None where one entry, or all, cannot be read."""
    entries = [each for value in found for each in (value if type(value) is list else [value])]
    hashes = [_hashes(entry) for entry in entries[:_MOST_SUBJECTS]]
    if not hashes or len(entries) > _MOST_SUBJECTS or not all(hashes):
        return None
    return frozenset(digest for each in hashes for digest in each)


def _hashes(entry: object) -> list[Digest]:
    named = [pair for value in _values(entry, "digest") if isinstance(value, _Pairs) for pair in value]
    texts = [str(value).strip().lower().removeprefix("sha256:") for name, value in named if _folded(name) == "sha256"]
    try:
        return [Digest(f"sha256:{text}") for text in texts]
    except ConfigError:
        return []


@lru_cache(maxsize=64)  # of all records of a ledger it is one
def _alike(kind: str) -> bool:
    return _folded(kind).startswith(_FAMILY)


def _folded(text: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFKC", text).casefold() if each.isprintable()).strip()
