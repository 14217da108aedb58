"""What people decide about an image, as statements: approval, waiver, denial; and what a promotion verified.

The predicate types are URNs of imagekit's own; `docs/release-policy.md` says what each holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from imagekit.base.earlier import check_id_today
from imagekit.oci.reference import Digest
from imagekit.trust.change.model import CHANGE_TYPE
from imagekit.trust.evidence.statement import SUMMARY_TYPE, Statement
from imagekit.trust.evidence.timestamp import read_timestamp

APPROVAL_TYPE = "urn:imagekit:approval:v1"
WAIVER_TYPE = "urn:imagekit:waiver:v1"
MUTE_TYPE = "urn:imagekit:mute:v1"
YANK_TYPE = "urn:imagekit:yank:v1"
EMERGENCY_TYPE = "urn:imagekit:emergency:v1"
# The first format has no basis, emergency or instead, and its file names say what was decided, so that two decisions
# made from one commit had different names and git merged both.
FIRST_RECORD_TYPE = "urn:imagekit:ledger-record:v1"
RECORD_TYPE = "urn:imagekit:ledger-record:v2"
RECORD_TYPES = (FIRST_RECORD_TYPE, RECORD_TYPE)
VERIFIER_ID = "urn:imagekit:gate:v1"
CHANNEL_URI = "urn:imagekit:channel:"
CHECK_URI = "urn:imagekit:check:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A person lets one check or scenario of one digest pass until a moment; `check` is its exact name."""

    digest: Digest
    check: str
    person: str
    reason: str
    expires: datetime
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """A person lets one check of a project only warn until a moment; `check` is its id without the boot path."""

    check: str
    person: str
    ticket: str
    expires: datetime
    reason: str = ""


def approval_statement(digest: Digest, *, channel: str, person: str, reason: str = "", name: str = "") -> Statement:
    """A person lets a digest into a channel."""
    predicate = {"channel": channel, "person": person, "reason": reason}
    return Statement(subject=digest, predicate_type=APPROVAL_TYPE, predicate=predicate, name=name)


def emergency_statement(
    digest: Digest, *, channel: str, person: str, reason: str, expires: datetime, name: str = ""
) -> Statement:
    """A person lets a digest into a channel without a change record, until a moment."""
    predicate = {"channel": channel, "person": person, "reason": reason, "expires": _text(expires)}
    return Statement(subject=digest, predicate_type=EMERGENCY_TYPE, predicate=predicate, name=name)


def yank_statement(digest: Digest, *, person: str, reason: str, name: str = "") -> Statement:
    """Nobody may take this digest any more, and why."""
    predicate = {"person": person, "reason": reason}
    return Statement(subject=digest, predicate_type=YANK_TYPE, predicate=predicate, name=name)


def waiver_statement(waiver: Waiver, *, name: str = "") -> Statement:
    """State a waiver."""
    predicate = {
        "check": waiver.check,
        "person": waiver.person,
        "reason": waiver.reason,
        "expires": _text(waiver.expires),
        "channels": list(waiver.channels),
    }
    return Statement(subject=waiver.digest, predicate_type=WAIVER_TYPE, predicate=predicate, name=name)


def read_waiver(statement: Statement) -> Waiver | None:
    """The waiver in a statement; None when a field is missing or no date can be read."""
    fields = statement.predicate
    texts = [fields.get(key) for key in ("check", "person", "reason")]
    channels = fields.get("channels")
    if not all(isinstance(text, str) and text.strip() for text in texts) or not isinstance(channels, list):
        return None
    expires = read_timestamp(fields.get("expires"))
    if expires is None:
        return None
    check, person, reason = (str(text) for text in texts)
    return Waiver(
        digest=statement.subject,
        check=check_id_today(check),
        person=person,
        reason=reason,
        expires=expires,
        channels=tuple(str(channel) for channel in channels),
    )


def mute_statement(mute: Mute) -> Statement:
    """State a mute. It is about a check and no image: its subject is the hash of the check's name."""
    predicate = {
        "check": mute.check,
        "person": mute.person,
        "ticket": mute.ticket,
        "reason": mute.reason,
        "expires": _text(mute.expires),
    }
    return Statement(subject=_check_digest(mute.check), predicate_type=MUTE_TYPE, predicate=predicate, name=mute.check)


def read_mute(statement: Statement) -> Mute | None:
    """The mute in a statement; None when it is no whole one."""
    fields = statement.predicate
    check, person, ticket, reason = (fields.get(key) for key in ("check", "person", "ticket", "reason"))
    expires = read_timestamp(fields.get("expires"))
    if not all(isinstance(text, str) and text.strip() for text in (check, person, ticket)) or expires is None:
        return None
    if statement.predicate_type != MUTE_TYPE or statement.subject != _check_digest(str(check)):
        return None
    return Mute(check=str(check), person=str(person), ticket=str(ticket), expires=expires, reason=str(reason or ""))


def _check_digest(check: str) -> Digest:
    return Digest.of((CHECK_URI + check).encode())


def summary_statement(
    digest: Digest,
    *,
    channel: str,
    resource: str,
    policy: Digest,
    at: datetime,
    inputs: Sequence[tuple[str, Digest]],
    version: str,
    level: int | None,
    name: str = "",
) -> Statement:
    """A SLSA verification summary: the gate of `channel` let the digest pass.

    `resource` is where it went (``oci://...``), `inputs` the attestations it was decided from (uri and digest of the
    referring manifest), `level` the SLSA build level that the provenance was taken for, None for none.
    https://slsa.dev/spec/v1.0/verification_summary
    """
    levels = [] if level is None else [f"SLSA_BUILD_LEVEL_{level}"]
    predicate = {
        "verifier": {"id": VERIFIER_ID, "version": {"imagekit": version}},
        "timeVerified": _text(at),
        "resourceUri": resource,
        "policy": {"uri": CHANNEL_URI + channel, "digest": {"sha256": policy.hex}},
        "inputAttestations": [{"uri": uri, "digest": {"sha256": each.hex}} for uri, each in inputs],
        "verificationResult": "PASSED",
        "verifiedLevels": levels,
        "slsaVersion": "1.0",
    }
    return Statement(subject=digest, predicate_type=SUMMARY_TYPE, predicate=predicate, name=name)


def summarised_channel(statement: Statement) -> tuple[str, datetime] | None:
    """The channel that a verification summary let the digest into, and when; None when it did not."""
    fields = statement.predicate
    policy, verifier = fields.get("policy"), fields.get("verifier")
    if not isinstance(policy, dict) or not isinstance(verifier, dict) or verifier.get("id") != VERIFIER_ID:
        return None
    uri, at = str(policy.get("uri")), read_timestamp(fields.get("timeVerified"))
    if fields.get("verificationResult") != "PASSED" or not uri.startswith(CHANNEL_URI) or at is None:
        return None
    return uri.removeprefix(CHANNEL_URI), at


def channels_of(statement: Statement) -> tuple[str, ...]:
    """The channels that a decision is about, which the key that signs it must serve; none for what is about no channel.

    A denial and the record of one are about every channel, and whoever is trusted may deny: none here.
    """
    fields, kind = statement.predicate, statement.predicate_type
    named: object = None
    if kind in (APPROVAL_TYPE, EMERGENCY_TYPE, CHANGE_TYPE, *RECORD_TYPES):
        named = fields.get("channel")
    elif kind == WAIVER_TYPE:
        named = fields.get("channels")
    elif kind == SUMMARY_TYPE and isinstance(policy := fields.get("policy"), dict):
        named = str(policy.get("uri")).removeprefix(CHANNEL_URI)
    return tuple(str(each) for each in (named if isinstance(named, list) else [named]) if each)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
