"""What a registry's answer tells of its storage: full, or read-only. Neither gets better by trying again."""

from __future__ import annotations

from imagekit.registry.errors import ReadOnlyError, StorageFullError

# Distribution 3 passes on the system's words, 2.8 the error's number (ENOSPC, EDQUOT, EROFS on Linux).
_FULL = ("no space left on device", "disk quota exceeded", '"Err":28}', '"Err":122}')
_READ_ONLY = ("read-only file system", '"Err":30}')


def require_writable(address: str, status: int, detail: str) -> None:
    """Raise `StorageFullError` or `ReadOnlyError` when an error answer to a request says so."""
    if status == 507 or any(word in detail for word in _FULL):
        raise StorageFullError(
            f"registry {address}: its storage is full",
            hint="Nothing was tagged. Make space there (retention, garbage collection, a larger disk), then run the "
            "same command again: what it has is not sent again.",
        )
    if status == 405 or any(word in detail for word in _READ_ONLY):
        raise ReadOnlyError(
            f"registry {address} is read-only: it takes no uploads now ({detail})",
            hint="Nothing was tagged. Is it in maintenance (storage.maintenance.readonly), a mirror, or is its disk "
            "mounted read-only? Run the same command again when it takes writes.",
        )
