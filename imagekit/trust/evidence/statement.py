"""in-toto Statement v1: who is spoken of (by digest) and what is said.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from imagekit.base.errors import ConfigError, RefusedError
from imagekit.base.strictjson import MAPS, read_object
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.timestamp import read_timestamp

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
# What `cosign attest` 3.1.1 writes; the fields that are read here mean the same in both.
_OLDER_TYPE = "https://in-toto.io/Statement/v0.1"
TEST_RESULT_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
CYCLONEDX_TYPE = "https://cyclonedx.org/bom"
SPDX_TYPE = "https://spdx.dev/Document"
PROVENANCE_TYPE = "https://slsa.dev/provenance/v1"
SUMMARY_TYPE = "https://slsa.dev/verification_summary/v1"
# What cosign 3.x writes for `cosign sign`; anything else is an attestation, never a signature.
SIGNATURE_TYPE = "https://sigstore.dev/cosign/sign/v1"
# Annotation of the subject in what is signed here: when the signer says that it signed (ISO 8601, UTC).
SIGNED_ANNOTATION = "imagekit.signed"
STATEMENT_LIMIT = 48 << 20  # bytes; base64 of it fills a bundle
_FIELDS = ("_type", "subject", "predicateType", "predicate")
_SUBJECT_FIELDS = ("name", "uri", "digest", "annotations")
_NAMES = MAPS | {"arguments"}  # build arguments, named by whoever wrote the Dockerfile


class MalformedStatementError(RefusedError):
    """Bytes that should be an in-toto statement are something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One claim of one type about one image manifest; `annotations` belong to the subject."""

    subject: Digest
    predicate_type: str
    predicate: Mapping[str, Any]
    name: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def signed_at(self) -> datetime | None:
        """When the signer says it signed; None when the statement does not say so in a way that can be read."""
        return read_timestamp(self.annotations.get(SIGNED_ANNOTATION))

    @property
    def claim(self) -> bytes:
        """What is said, whenever it was signed: equal for two signings of the same thing."""
        kept = {key: value for key, value in self.annotations.items() if key != SIGNED_ANNOTATION}
        return replace(self, annotations=kept).to_bytes()

    def stamped(self, at: datetime) -> Statement:
        """The same statement with the time of signing in it, in whole seconds."""
        text = at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return replace(self, annotations={**self.annotations, SIGNED_ANNOTATION: text})

    def to_bytes(self) -> bytes:
        """Canonical JSON: sorted keys, no spaces; equal statements give equal bytes; raises `ConfigError`."""
        subject: dict[str, Any] = {"digest": {"sha256": self.subject.hex}}
        if self.name:
            subject["name"] = self.name
        if self.annotations:
            subject["annotations"] = dict(self.annotations)
        fields = {
            "_type": STATEMENT_TYPE,
            "subject": [subject],
            "predicateType": self.predicate_type,
            "predicate": self.predicate,
        }
        try:
            return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        except UnicodeEncodeError:  # a word of the command line that is not in the terminal's encoding
            raise ConfigError(
                f"what is said in {self.predicate_type} is no text in UTF-8", hint="Write reason and names in UTF-8."
            ) from None


def parse_statement(data: bytes) -> Statement:
    """Read a statement about exactly one sha256 subject; raises `MalformedStatementError`.

    What two readers could take differently (a key twice, or in two letter cases; not UTF-8) is no statement.
    """
    try:
        fields = read_object(data, "statement", maps=_NAMES, limit=STATEMENT_LIMIT)
        _require_spelled(fields, _FIELDS)
        if fields["_type"] not in (STATEMENT_TYPE, _OLDER_TYPE):
            raise MalformedStatementError(f"not an in-toto statement but {str(fields['_type'])[:80]!r}")
        [subject] = fields["subject"]
        _require_spelled(subject, _SUBJECT_FIELDS)
        _require_spelled(subject["digest"], ("sha256",))
        predicate = fields.get("predicate")
        predicate = {} if predicate is None else predicate
        if not isinstance(predicate, dict) or not isinstance(fields["predicateType"], str):
            raise MalformedStatementError("the statement's predicate is no object with a type")
        return Statement(
            subject=Digest("sha256:" + subject["digest"]["sha256"]),
            predicate_type=fields["predicateType"],
            predicate=predicate,
            name=str(subject.get("name") or ""),
            annotations={str(k): str(v) for k, v in (subject.get("annotations") or {}).items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ConfigError) as error:
        why = str(error) if isinstance(error, RefusedError) else repr(error)
        raise MalformedStatementError(f"not an in-toto statement about one sha256 subject: {why}"[:300]) from None


def _require_spelled(fields: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse a key that Go's reader would take for one of the known ones: it looks at no letter case."""
    folded = {name.casefold(): name for name in known}
    for key in fields:
        if folded.get(key.casefold(), key) != key:
            raise MalformedStatementError(f"the key {key[:80]!r} differs by letter case alone from one of a statement")


def signature_statement(image: Digest, annotations: Mapping[str, str] | None = None) -> Statement:
    """What `cosign sign` states of an image: nothing but that the key's holder signed it."""
    return Statement(subject=image, predicate_type=SIGNATURE_TYPE, predicate={}, annotations=dict(annotations or {}))
