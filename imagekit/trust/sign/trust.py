"""Reading signed bundles against a trust file: who signed, when, and whether that counts.

The time of signing is what the signer wrote into the signed statement (or, for a keyless bundle, what the transparency
log recorded). It shows that a key's holder kept to its window; it does not hold against a stolen key, whose thief
writes any time. For that there is `revoked`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from imagekit.base.errors import RefusedError
from imagekit.config.load import parse_file
from imagekit.trust.evidence.decisions import YANK_TYPE
from imagekit.trust.evidence.statement import Statement
from imagekit.trust.sign.interface import KeyFileError, SignatureError, Verifier
from imagekit.trust.sign.trustfile import Purpose, TrustedKey, TrustFile

TRUST_FILE = Path("trust.yaml")
_STRANGERS_LIMIT = 16 << 20  # what nobody vouches for is read only to be named; an SBOM by another key has 10 MB


class Problem(StrEnum):
    """Why a bundle does not count."""

    DAMAGED = "damaged"
    OTHER_KEY = "other key"
    REVOKED = "revoked key"
    UNDATED = "undated"
    NOT_YET_VALID = "key not yet valid"
    EXPIRED = "key expired"
    OTHER_DIGEST = "other digest"
    FROM_THE_FUTURE = "from the future"
    OTHER_PURPOSE = "other purpose"
    OTHER_CHANNEL = "other channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One bundle, read: what it says, whose key it is, when it was signed, and what is wrong with it.

    `statement` is what it claims even where nobody vouches for it: `key` is None then.
    """

    statement: Statement | None
    key: TrustedKey | None = None
    signed_at: datetime | None = None
    problem: Problem | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A trusted key with what verifies its signatures: returns the statement and a time that others vouch for.

    `material` names the key or identity itself, whatever its id.
    """

    key: TrustedKey
    material: str
    check: Callable[[bytes], tuple[Statement, datetime | None]]


class TrustStore:
    """The keys that count; reads bundles and never raises because of one."""

    def __init__(self, holders: Sequence[Holder]) -> None:
        self.holders = tuple(holders)
        _demand_distinct(self.holders)

    def read(self, bundle: bytes) -> Reading:
        """Who signed a bundle and whether the signature counts by the key's window."""
        for holder in self.holders:
            try:
                statement, vouched = holder.check(bundle)
            except SignatureError:
                continue
            except RefusedError as error:
                return Reading(statement=None, key=holder.key, problem=Problem.DAMAGED, reason=f"{error}")
            signed = vouched or statement.signed_at
            problem, reason = standing(holder.key, signed)
            return Reading(statement=statement, key=holder.key, signed_at=signed, problem=problem, reason=reason)
        return _stranger(bundle)

    def verifier(self, purpose: Purpose = Purpose.BUILD, channel: str | None = None) -> Verifier:
        """What accepts the keys of one purpose, inside their windows."""
        return _PurposeVerifier(self, purpose, channel)

    @property
    def keys(self) -> tuple[TrustedKey, ...]:
        """The entries of the trust file."""
        return tuple(holder.key for holder in self.holders)


@dataclass(frozen=True, slots=True)
class _PurposeVerifier:
    store: TrustStore
    purpose: Purpose
    channel: str | None

    def verify(self, bundle: bytes) -> Statement:
        """The statement in a bundle, when a key of the purpose signed it inside its window.

        A denial counts by any trusted key: where somebody trusted says no, purpose and window do not matter.
        """
        reading = self.store.read(bundle)
        if reading.key is not None and reading.statement is not None and reading.statement.predicate_type == YANK_TYPE:
            return reading.statement
        problem, reason = reading.problem, reading.reason
        if problem is None and reading.key is not None:
            problem, reason = misused(reading.key, self.purpose, self.channel)
        if problem is not None or reading.statement is None:
            raise SignatureError(reason)
        return reading.statement


def standing(key: TrustedKey, signed: datetime | None) -> tuple[Problem | None, str]:
    """Whether a signature of that time counts by the key's window; the reason is one sentence."""
    if key.revoked is not None:
        return Problem.REVOKED, f"key {key.id} is revoked ({key.revoked}): nothing that it signed counts"
    if not key.dated:
        return None, ""
    if signed is None:
        return Problem.UNDATED, f"does not say when it was signed, and key {key.id} counts only for a time"
    if key.not_before is not None and signed < key.not_before:
        return Problem.NOT_YET_VALID, f"signed {day(signed)}, before key {key.id} is valid ({day(key.not_before)})"
    if key.not_after is not None and signed > key.not_after:
        return Problem.EXPIRED, f"signed {day(signed)}, after key {key.id} expired ({day(key.not_after)})"
    return None, ""


def misused(key: TrustedKey, purpose: Purpose, channel: str | None) -> tuple[Problem | None, str]:
    """Whether a key may do this at all."""
    if purpose not in key.purposes:
        return Problem.OTHER_PURPOSE, f"key {key.id} is trusted to {', '.join(key.purposes)}, not to {purpose}"
    if not key.serves(channel):
        return Problem.OTHER_CHANNEL, f"key {key.id} is not trusted for channel {channel}"
    return None, ""


def day(at: datetime) -> str:
    """A moment as people read it, in UTC, to the minute."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def load_trust(root: Path) -> TrustStore:
    """The trust file of a project; raises `ConfigError`, `KeyFileError`."""
    file = parse_file(TrustFile, root / TRUST_FILE)
    trusted_root = root / file.trusted_root if file.trusted_root is not None else None
    return TrustStore([_holder(key, root, trusted_root) for key in file.keys])


def trust_one(pem: bytes, where: str, *, key: TrustedKey) -> TrustStore:
    """A store of one key, for where there is no trust file."""
    return TrustStore([_by_key(key, pem, where)])


def _holder(key: TrustedKey, root: Path, trusted_root: Path | None) -> Holder:
    if key.keyless is not None:
        from imagekit.trust.sign.keyless import checker

        material = f"{key.keyless.issuer} {key.keyless.identity}"
        return Holder(key=key, material=material, check=checker(key.keyless, trusted_root))
    if key.pem is not None:
        return _by_key(key, key.pem.encode(), f"{TRUST_FILE}: key {key.id}")
    path = root / (key.public_key or "")
    try:
        return _by_key(key, path.read_bytes(), str(path))
    except OSError as error:
        raise KeyFileError(
            f"{TRUST_FILE}: key {key.id}: cannot read {key.public_key}: {error.strerror}",
            hint="Paths start at the project's folder.",
        ) from None


def _by_key(key: TrustedKey, pem: bytes, where: str) -> Holder:
    from imagekit.trust.sign.native import NativeVerifier, key_hint, read_public_key

    public = read_public_key(pem, where)
    verifier = NativeVerifier(public)
    return Holder(key=key, material=key_hint(public), check=lambda bundle: (verifier.verify(bundle), None))


def _demand_distinct(holders: Sequence[Holder]) -> None:
    """One key under two ids would let one person count as two."""
    seen: dict[str, str] = {}
    for holder in holders:
        other = seen.setdefault(holder.material, holder.key.id)
        if other != holder.key.id:
            raise KeyFileError(
                f"{TRUST_FILE}: {other} and {holder.key.id} are the same key", hint="Remove one of the two entries."
            )


def _stranger(bundle: bytes) -> Reading:
    """A bundle that no trusted key signed; what it claims is kept, so that the answer can say what was not taken."""
    from imagekit.trust.sign.native import claimed_statement

    if len(bundle) > _STRANGERS_LIMIT:
        reason = f"signed by no trusted key, and with {len(bundle)} bytes too large to say what it claims"
        return Reading(statement=None, problem=Problem.DAMAGED, reason=reason)
    try:
        claimed = claimed_statement(bundle)
    except RefusedError as error:
        return Reading(statement=None, problem=Problem.DAMAGED, reason=str(error))
    reason = "signed by a key that is not trusted, or altered after signing"
    return Reading(statement=claimed, problem=Problem.OTHER_KEY, reason=reason)
