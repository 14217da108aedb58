"""Whether an initrd unpacks: looked at before a machine boots from it, which would only stand still."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator

from imagekit.artifact.errors import NotBootableError
from imagekit.artifact.kernel import unpacked_initrd

_HEADER = 110  # bytes of a newc header; its fields are 8 hex digits each
_SIZE, _NAME = slice(54, 62), slice(94, 102)
INITRD = "/boot/initrd"
_MAGIC = (b"070701", b"070702")
_END = b"TRAILER!!!"
# Packings that the kernel knows and nothing here unpacks: bzip2, lz4 (legacy frame), lzop. They are taken as they are.
_OTHERS = (b"BZh", b"\x02\x21\x4c\x18", b"\x89LZO", b"\x5d\x00\x00")


def drivers_in(data: bytes) -> frozenset[str]:
    """The kernel modules in an initrd, with ``_`` for ``-``; none of one that is packed in a way not known here.

    Raises `NotBootableError` for one that is damaged.
    """
    archive = _archive(data, INITRD)
    names = (title.rpartition("/")[2] for title in _titles(archive, INITRD)) if archive is not None else ()
    return frozenset(name.partition(".ko")[0].replace("-", "_") for name in names if ".ko" in name)


def require_whole_initrd(data: bytes, name: str = INITRD) -> int:
    """Raise `NotBootableError` unless an initrd unpacks to a whole archive; returns how many entries it has.

    0 for one that is packed in a way which the kernel knows and imagekit does not.
    https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
    """
    archive = _archive(data, name)
    return sum(1 for _ in _titles(archive, name)) if archive is not None else 0


def _archive(data: bytes, name: str) -> bytes | None:
    """The unpacked archive; None for a packing that the kernel knows and imagekit does not."""
    from zstandard import ZstdError

    try:
        archive = unpacked_initrd(data)
    except (ZstdError, lzma.LZMAError, zlib.error, EOFError, OSError, ValueError) as error:
        raise _damaged(name, f"it does not unpack: {error}") from None
    if archive is None and not data.startswith(_OTHERS):
        raise _damaged(name, "it is packed in no way that the kernel knows")
    return archive


def _titles(archive: bytes, name: str) -> Iterator[str]:
    """The path of every entry before the last one, which only ends the archive."""
    at = count = 0
    while True:
        header = archive[at : at + _HEADER]
        if header[:6] not in _MAGIC or len(header) < _HEADER:
            raise _damaged(name, f"its archive breaks off after {count} entries, at byte {at}")
        try:
            size, length = int(header[_SIZE], 16), int(header[_NAME], 16)
        except ValueError:
            raise _damaged(name, f"entry {count} of its archive has no size, at byte {at}") from None
        title = archive[at + _HEADER : at + _HEADER + length]
        if title.rstrip(b"\0") == _END:
            return
        yield title.rstrip(b"\0").decode("utf-8", "replace")
        at = _aligned(_aligned(at + _HEADER + length) + size)
        count += 1


def _aligned(at: int) -> int:
    return (at + 3) & ~3


def _damaged(name: str, why: str) -> NotBootableError:
    return NotBootableError(
        f"the initrd of the image, {name}, is damaged: {why}",
        hint="The framework's init stage makes it in the base layer; what runs after it must not touch it "
        "(`imagekit diff` against the last good version shows which files changed).",
    )
