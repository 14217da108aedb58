"""Reading signed bundles against a trust file: who signed, when, and whether that counts.

The time of signing is what the signer wrote into the signed statement (or, for a keyless bundle, what the transparency
log recorded). It shows that a key's holder kept to its window; it does not hold against a stolen key, whose thief
writes any time. For that there is `revoked`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from imagekit.base.errors import RefusedError
from imagekit.config.load import parse_file, parse_text
from imagekit.trust.evidence.decisions import RECORD_TYPES, channels_of
from imagekit.trust.evidence.denial import Denial, denial_in, denial_said, denial_unread
from imagekit.trust.evidence.statement import Statement, parse_statement
from imagekit.trust.sign.envelope import Sealed, open_envelope, open_loosely
from imagekit.trust.sign.interface import KeyFileError, SignatureError, Verifier
from imagekit.trust.sign.trustfile import Purpose, TrustedKey, TrustFile

TRUST_FILE = Path("trust.yaml")
SKEW = timedelta(minutes=5)  # how far clocks may differ
_STRANGERS_LIMIT = 16 << 20  # what nobody vouches for is read only to be named; an SBOM by another key has 10 MB


class Problem(StrEnum):
    """Why a bundle does not count."""

    DAMAGED = "damaged"
    OTHER_KEY = "other key"
    REVOKED = "revoked key"
    UNDATED = "undated"
    NOT_YET_VALID = "key not yet valid"
    EXPIRED = "key expired"
    FROM_THE_FUTURE = "from the future"
    OTHER_PURPOSE = "other purpose"
    OTHER_CHANNEL = "other channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One bundle, read: what it says, whose key it is, when it was signed, and what is wrong with it.

    `statement` is what it claims even where nobody vouches for it: `key` is None then. `denial` is what a trusted key
    forbids in it, also where the bundle counts for nothing otherwise.
    """

    statement: Statement | None
    key: TrustedKey | None = None
    signed_at: datetime | None = None
    problem: Problem | None = None
    reason: str = ""
    denial: Denial | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A trusted key with what verifies its signatures: returns a time that others vouch for, raises `SignatureError`.

    `material` names the key or identity itself, whatever its id.
    """

    key: TrustedKey
    material: str
    check: Callable[[Sealed], datetime | None]


class TrustStore:
    """The keys that count; reads bundles and never raises because of one."""

    def __init__(self, holders: Sequence[Holder]) -> None:
        self.holders = tuple(holders)
        self._last: tuple[bytes, Reading] | None = None
        _require_distinct(self.holders)

    def read(self, bundle: bytes) -> Reading:
        """Who signed a bundle and whether the signature counts by the key's window."""
        if self._last is None or self._last[0] is not bundle:  # asked twice in a row: what counts, and what is denied
            self._last = (bundle, self._read(bundle))
        return self._last[1]

    def _read(self, bundle: bytes) -> Reading:
        try:
            sealed = open_envelope(bundle)
        except SignatureError as error:
            return self._unreadable(bundle, str(error))
        found = self._signer(sealed)
        if found is None:
            return _stranger(sealed)
        key, vouched = found
        try:
            statement = parse_statement(sealed.payload)
        except RefusedError as error:
            denial = denial_unread(sealed.payload, str(error))
            return Reading(statement=None, key=key, problem=Problem.DAMAGED, reason=str(error), denial=denial)
        denial = denial_said(statement)
        signed = vouched or statement.signed_at
        problem, reason = standing(key, signed)
        return Reading(statement=statement, key=key, signed_at=signed, problem=problem, reason=reason, denial=denial)

    def verifier(self, purpose: Purpose = Purpose.BUILD, *channels: str) -> Verifier:
        """What accepts the keys of one purpose, inside their windows, that serve all of `channels`.

        Without any they are those that a decision is about itself, which its key has to serve.
        """
        return _PurposeVerifier(self, purpose, channels)

    @property
    def keys(self) -> tuple[TrustedKey, ...]:
        """The entries of the trust file."""
        return tuple(holder.key for holder in self.holders)

    def _signer(self, sealed: Sealed) -> tuple[TrustedKey, datetime | None] | None:
        for holder in self.holders:
            try:
                return holder.key, holder.check(sealed)
            except SignatureError:
                continue
        return None

    def _unreadable(self, bundle: bytes, reason: str) -> Reading:
        """Counts for nothing; a denial by somebody trusted is looked for all the same."""
        for sealed in open_loosely(bundle):
            found = self._signer(sealed)
            if found is not None:
                denial = denial_in(sealed.payload)
                return Reading(statement=None, key=found[0], problem=Problem.DAMAGED, reason=reason, denial=denial)
        return Reading(statement=None, problem=Problem.DAMAGED, reason=reason)


@dataclass(frozen=True, slots=True)
class _PurposeVerifier:
    store: TrustStore
    purpose: Purpose
    channels: tuple[str, ...]

    def verify(self, bundle: bytes) -> Statement:
        """The statement in a bundle, when a key of the purpose signed it inside its window."""
        reading = self.store.read(bundle)
        problem, reason = reading.problem, reading.reason
        if problem is None and reading.key is not None and reading.statement is not None:
            for channel in self.channels or channels_of(reading.statement) or (None,):
                problem, reason = (problem, reason) if problem else misused(reading.key, self.purpose, channel)
            problem, reason = (problem, reason) if problem else _premature(reading)
        if problem is not None or reading.statement is None:
            raise SignatureError(reason)
        return reading.statement

    def denial(self, bundle: bytes) -> Denial | None:
        """A denial counts by any trusted key: where somebody trusted says no, purpose and window do not matter."""
        return self.store.read(bundle).denial


def _premature(reading: Reading) -> tuple[Problem | None, str]:
    """What is dated later than clocks differ is not believed, but for records: their order is that of the ledger."""
    at, said = reading.signed_at, reading.statement
    if at is None or said is None or said.predicate_type in RECORD_TYPES or at <= datetime.now(UTC) + SKEW:
        return None, ""
    return Problem.FROM_THE_FUTURE, f"dated {day(at)}, which is in the future"


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
    try:
        return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except OverflowError:  # the first or last day that there is, in another zone
        return at.isoformat()


def load_trust(root: Path) -> TrustStore:
    """The trust file of a project; raises `ConfigError`, `KeyFileError`."""
    return _store(parse_file(TrustFile, root / TRUST_FILE), root, lambda path: (root / path).read_bytes())


def loose_entries(trust: TrustStore) -> list[str]:
    """A sentence for each entry that trusts more than its writer may have meant."""
    return [
        f"{TRUST_FILE}: key {key.id}: a run of any branch of {key.keyless.source_repository} can sign as this workflow;"
        " add source_ref (refs/heads/main) or environment"
        for key in trust.keys
        if key.keyless is not None and key.keyless.any_branch
    ]


def read_trust_text(text: str, root: Path, read: Callable[[str], bytes]) -> TrustStore:
    """As `load_trust` for the text of a trust file; `read` gives the key files that it names."""
    return _store(parse_text(TrustFile, text, root / TRUST_FILE), root, read)


def _store(file: TrustFile, root: Path, read: Callable[[str], bytes]) -> TrustStore:
    trusted_root = root / file.trusted_root if file.trusted_root is not None else None
    return TrustStore([_holder(key, trusted_root, read) for key in file.keys])


def trust_one(pem: bytes, where: str, *, key: TrustedKey) -> TrustStore:
    """A store of one key, for where there is no trust file."""
    return TrustStore([_by_key(key, pem, where)])


def _holder(key: TrustedKey, trusted_root: Path | None, read: Callable[[str], bytes]) -> Holder:
    if key.keyless is not None:
        from imagekit.trust.sign.keyless import checker

        material = f"{key.keyless.issuer} {key.keyless.identity} {sorted(key.keyless.bounds.items())}"
        return Holder(key=key, material=material, check=checker(key.keyless, trusted_root))
    if key.pem is not None:
        return _by_key(key, key.pem.encode(), f"{TRUST_FILE}: key {key.id}")
    path = key.public_key or ""
    try:
        return _by_key(key, read(path), path)
    except OSError as error:
        raise KeyFileError(
            f"{TRUST_FILE}: key {key.id}: cannot read {key.public_key}: {error.strerror}",
            hint="Paths start at the project's folder.",
        ) from None


def _by_key(key: TrustedKey, pem: bytes, where: str) -> Holder:
    from imagekit.trust.sign.native import NativeVerifier, key_hint, read_public_key

    public = read_public_key(pem, where)
    return Holder(key=key, material=key_hint(public), check=NativeVerifier(public).check)


def _require_distinct(holders: Sequence[Holder]) -> None:
    """One key under two ids would let one person count as two."""
    seen: dict[str, str] = {}
    for holder in holders:
        other = seen.setdefault(holder.material, holder.key.id)
        if other != holder.key.id:
            raise KeyFileError(
                f"{TRUST_FILE}: {other} and {holder.key.id} are the same key", hint="Remove one of the two entries."
            )


def _stranger(sealed: Sealed) -> Reading:
    """A bundle that no trusted key signed; what it claims is kept, so that the answer can say what was not taken."""
    if len(sealed.payload) > _STRANGERS_LIMIT:
        size = len(sealed.payload)
        reason = f"signed by no trusted key, and with {size} bytes too large to say what it claims"
        return Reading(statement=None, problem=Problem.DAMAGED, reason=reason)
    try:
        claimed = parse_statement(sealed.payload)
    except RefusedError as error:
        return Reading(statement=None, problem=Problem.DAMAGED, reason=str(error))
    reason = "signed by a key that is not trusted, or altered after signing"
    return Reading(statement=claimed, problem=Problem.OTHER_KEY, reason=reason)
