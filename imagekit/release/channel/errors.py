"""What goes wrong with channels, and the digest that every decision is about."""

from __future__ import annotations

from imagekit.base.errors import ConfigError, RefusedError
from imagekit.oci.reference import Digest, Reference


class MoveRefusedError(RefusedError):
    """A channel must not point at this digest."""


def digest_of(reference: Reference) -> Digest:
    """The digest of a reference that was resolved; raises `ConfigError` for one that was not."""
    if reference.digest is None:
        raise ConfigError(f"{reference} names no digest")
    return reference.digest
