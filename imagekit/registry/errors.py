"""What can go wrong between this host and a registry; each message names registry and object."""

from __future__ import annotations

from imagekit.base.errors import ConfigError, RefusedError, ToolError


class RegistryError(ToolError):
    """The registry answered in a way that the distribution specification does not foresee."""


class RegistryUnavailableError(RegistryError):
    """The registry did not answer, or answered with 5xx, until the retries were used up."""


class StorageFullError(RegistryError):
    """The registry has no space left for what is sent."""


class ReadOnlyError(RegistryError):
    """The registry takes nothing: it is in maintenance, or its storage is mounted read-only."""


class TransientError(RegistryError):
    """A failure that another try may heal, after so many seconds; never leaves this package."""

    def __init__(self, message: str, *, hint: str = "", after: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.after = after


class LockedError(ToolError):
    """Another publisher holds the repository."""


class AccessDeniedError(ConfigError):
    """The registry wants other credentials, or the ones given may not do this."""


class InsecureAddressError(ConfigError):
    """An address would carry content or credentials in clear, or to a host that was not configured."""


class MissingObjectError(RefusedError):
    """The registry (or the layout) does not have the object."""


class DigestMismatchError(RefusedError):
    """Content does not hash to the digest that names it."""


class TooLargeError(RefusedError):
    """An answer is larger than it may be."""


class TagExistsError(RefusedError):
    """The tag already names another digest; tags are given once."""


class NotPassedError(RefusedError):
    """The digest has no proof that it passed its tests."""


class VerificationError(RefusedError):
    """What was pushed does not verify as a consumer would verify it."""
