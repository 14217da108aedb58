"""Numbers and texts of tar headers, taken only in the forms that all readers take alike."""

from __future__ import annotations

import re

from imagekit.oci.errors import ImageContentError

_OCTAL = re.compile(rb" *([0-7]*)[ \0]*\0?")
_DECIMAL = re.compile(rb"[0-9]{1,19}")
_TIME = re.compile(rb"(-?)([0-9]{1,18})(?:\.[0-9]*)?")
_NEGATIVE = 0xFF  # how a negative number of base 256 begins
_LATEST = (1 << 32) - 1  # what squashfs can date; 2106


def field_number(field: bytes) -> int:
    """A number of a header: octal digits, or for what they cannot hold 0x80 and a number of base 256, never negative.

    GNU's tar, https://www.gnu.org/software/tar/manual/html_node/Extensions.html. Raises `ImageContentError`.
    """
    if field[0] == 0x80:
        value = int.from_bytes(field[1:], "big")
        if value < 1 << 63:
            return value
    elif (found := _OCTAL.fullmatch(field)) is not None:
        return int(found[1] or b"0", 8)
    raise ImageContentError(f"a layer holds a tar header with the number {field!r}")


def field_text(field: bytes) -> bytes:
    """A text of a header: up to its first NUL."""
    return field.partition(b"\0")[0]


def decimal(data: bytes) -> int:
    """A number of a pax header: digits alone, of 64 bits at most; raises `ImageContentError`."""
    if _DECIMAL.fullmatch(data) is None or (value := int(data)) >= 1 << 63:
        raise ImageContentError(f"a layer holds a pax header with the number {data[:40]!r}")
    return value


def is_time(data: bytes) -> bool:
    """Whether this is a time as a pax header has it, or nothing."""
    return not data or _TIME.fullmatch(data) is not None


def seconds(more: bytes | None, field: bytes) -> int:
    """A time in whole seconds, of a pax header if there is one; before 1970 it is 1970, as containerd has it.

    Raises `ImageContentError` for times that file systems cannot hold.
    """
    if more is None:
        value = 0 if field[0] == _NEGATIVE else field_number(field)
    elif (found := _TIME.fullmatch(more)) is not None:
        value = 0 if found[1] else int(found[2])
    else:
        raise ImageContentError(f"a layer holds a pax header with the time {more[:40]!r}")
    if value > _LATEST:
        raise ImageContentError(f"a layer holds a file of the second {value}, after the year 2106")
    return value
