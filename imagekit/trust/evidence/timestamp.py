"""Moments in statements: one form of text, RFC 3339, and only years that clocks of this project can show."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FORM = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
# Nobody signed anything here before; and beyond, converting to another zone overflows (`9999-12-31T23:59:59-14:00`).
_YEARS = range(2000, 2200)


def read_timestamp(value: object) -> datetime | None:
    """A moment in UTC; None for anything but RFC 3339 with a zone, or for a year that no clock here shows.

    https://www.rfc-editor.org/rfc/rfc3339#section-5.6; `datetime.fromisoformat` takes weeks, ordinals and more.
    """
    if not isinstance(value, str) or not _FORM.fullmatch(value):
        return None
    try:
        found = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if found.year in _YEARS else None
