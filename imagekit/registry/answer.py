"""Reading the small answers of a registry: never more than they may have, never longer than one waits for them."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING

from imagekit.registry.errors import RegistryError, TooLargeError, TransientError

if TYPE_CHECKING:
    from imagekit.registry.wire import Patience

CHUNK = 1 << 20
_SMALL_LIMIT = 1 << 20


def read_small(
    answer: http.client.HTTPResponse, patience: Patience, *, limit: int = _SMALL_LIMIT, what: str = "an answer"
) -> bytes:
    """Read an answer of at most `limit` bytes, within the time for small answers; raises `TooLargeError`.

    An answer that says to be longer is not read at all. `what` names it in errors.
    """
    _demand_small(answer.length or 0, limit, what)
    ends, parts, size = time.monotonic() + patience.answer, [], 0
    while chunk := answer.read1(CHUNK):
        parts.append(chunk)
        size += len(chunk)
        _demand_small(size, limit, what)
        if time.monotonic() > ends:
            raise TransientError(f"the answer was not complete after {patience.answer:.0f} s")
    if answer.length:
        raise TransientError(f"the answer broke off, {answer.length} bytes before its end")
    answer.read()  # lets the connection know that the answer is over
    return b"".join(parts)


def _demand_small(size: int, limit: int, what: str) -> None:
    if size > limit:
        raise TooLargeError(
            f"{what}: the answer is larger than the {limit} bytes that it may have, so it was not read",
            hint="The registry, or something before it, is broken or hostile: ask whoever runs it.",
        )


def said(answer: http.client.HTTPResponse, patience: Patience) -> str:
    """What an error answer says, in one line of printable characters."""
    try:
        text = read_small(answer, patience).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException, RegistryError, TooLargeError):
        text = ""
    line = "".join(char if char.isprintable() else " " for char in text).strip()[:300]
    return f"status {answer.status} {line}".strip()
