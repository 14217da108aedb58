"""Signing and verifying, whoever holds the key."""

from __future__ import annotations

from typing import Protocol

from imagekit.base.errors import ConfigError, RefusedError
from imagekit.trust.evidence.denial import Denial
from imagekit.trust.evidence.statement import Statement

BUNDLE_LIMIT = 64 << 20
# What is not the statement (which is base64 and has no comma) are keys, certificates and log proofs, some dozen values.
# Read as JSON before anything is verified, 64 MiB of `{},{},` would take 2 GB.
_MOST_VALUES = 10_000


class SignatureError(RefusedError):
    """A bundle is not signed by the expected key, or is no bundle."""


class KeyFileError(ConfigError):
    """A key or password file is missing, unreadable, open to others, or the password is wrong."""


def require_readable(bundle: bytes) -> None:
    """Raise `SignatureError` for a bundle that would cost more to read than any real one."""
    if len(bundle) > BUNDLE_LIMIT:
        raise SignatureError(f"a bundle of {len(bundle)} bytes is larger than the {BUNDLE_LIMIT} that it may have")
    if bundle.count(b",") > _MOST_VALUES:
        raise SignatureError(f"a bundle of more than {_MOST_VALUES} JSON values is none")


class Signer(Protocol):
    """Holds a private key, or reaches one; `label` is what reports call it."""

    @property
    def label(self) -> str:
        """A fingerprint of the key, or where it is kept; nothing secret."""

    def sign(self, statement: Statement) -> bytes:
        """Sign a statement and return a sigstore bundle v0.3."""


class Verifier(Protocol):
    """Knows whose signatures count."""

    def verify(self, bundle: bytes) -> Statement:
        """The statement in a sigstore bundle, when its signature is good; raises `SignatureError`."""

    def denial(self, bundle: bytes) -> Denial | None:
        """What somebody trusted forbids in a bundle, whatever his key is for and in whatever form; never raises."""
