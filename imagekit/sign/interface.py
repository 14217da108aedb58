"""Signing and verifying, whoever holds the key."""

from __future__ import annotations

from typing import Protocol

from imagekit.errors import ConfigError, RefusedError
from imagekit.evidence.statement import Statement

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLE_LIMIT = 64 << 20


class SignatureError(RefusedError):
    """A bundle is not signed by the expected key, or is no bundle."""


class KeyFileError(ConfigError):
    """A key or password file is missing, unreadable, open to others, or the password is wrong."""


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
